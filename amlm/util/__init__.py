"""What every room may use: errors, whole files, seeds, text tables, the terminal."""
