"""Downloads data, verified and resumable: from OSF and from the Hugging Face Hub."""
