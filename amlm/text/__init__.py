"""Lines of text: found or made, read, cleaned and mixed."""
