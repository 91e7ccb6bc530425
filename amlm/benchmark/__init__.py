"""What `python -m amlm.bench` is made of: our training step against a plain Hugging Face one."""
