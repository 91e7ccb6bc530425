"""Tokenizers: trained here, or made elsewhere.

| module | holds |
| --- | --- |
| `bpe` | a BPE with byte fallback: trained, saved, loaded |
| `existing` | an existing ``tokenizer.json`` or SentencePiece model, loaded with its ids |
| `sentencepiece_model`, `charsmap` | a SentencePiece model converted, its ids checked |
| `special_tokens` | which tokens are ``[PAD] [CLS] [SEP] [UNK] [MASK]``, and their ids |
| `surfaces`, `word_starts` | what a type looks like in text; where the words of a line begin |
"""
