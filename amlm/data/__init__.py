"""From text to batches of token ids: corpora, tokenizer, store, batch plan, data module."""
