"""Exports the models of a run: folders for plain `transformers`, model cards, and the Hub."""
