"""What a line of text is: words separated by single spaces, none at its ends."""

from __future__ import annotations

# Separates the parts of a line that get [SEP] between them (a joined triplet). It is white space to
# Python, so no word contains it, and `str.split` counts the words on both sides.
SEGMENT = "\x1f"

# Consecutive lines that are sampled or held out together, to preserve context; a multiple of three,
# the lines of a triplet.
RUN_LINES = 24


def normalised(text: str) -> str:
    """Replaces every run of white space (see ``str.split``) by a single space."""
    return " ".join(text.split())


def words_in(line: str) -> int:
    """``len(line.split())`` of a normalised line, but faster."""
    return line.count(" ") + line.count(SEGMENT) + 1
