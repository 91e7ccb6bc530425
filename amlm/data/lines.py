"""What a line of text is once it is read: one space between words, nothing around it."""

from __future__ import annotations

# Divides the parts of one line that are to have [SEP] between them (a joined triplet). Python takes
# it for white space, so it can be in no word, and `str.split` counts the words on both sides.
SEGMENT = "\x1f"


def normalised(text: str) -> str:
    """The text with its runs of white space (as ``str.split`` sees them) made single spaces."""
    return " ".join(text.split())
