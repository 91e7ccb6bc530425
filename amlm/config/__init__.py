"""Options of every command: their schema, their checks, and how Hydra composes them."""
