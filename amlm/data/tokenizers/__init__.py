"""Tokenizers: trained here, or made elsewhere.

| module | holds |
| --- | --- |
| `bpe` | a BPE with byte fallback: trained, saved, loaded |
| `foreign` | an existing ``tokenizer.json`` or SentencePiece model, loaded with its ids |
| `sentencepiece_file`, `sentencepiece_model`, `charsmap` | its file, twin and map |
| `roles` | which tokens play ``[PAD] [CLS] [SEP] [UNK] [MASK]`` |
| `surfaces`, `word_starts` | what a type looks like in text; where the words of a line begin |
"""
