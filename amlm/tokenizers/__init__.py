"""Tokenizers: trained here or made elsewhere, and their special tokens and surface forms."""
