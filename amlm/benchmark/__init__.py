"""The measurements of `python -m amlm.bench`: our training step against plain Hugging Face."""
