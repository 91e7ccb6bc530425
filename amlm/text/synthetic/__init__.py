"""Synthetic text: triplets, and sentences that a language model completes."""
