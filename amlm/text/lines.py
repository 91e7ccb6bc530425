"""What a line of text is once it is read: one space between words, nothing around it."""

from __future__ import annotations

# Divides the parts of one line that are to have [SEP] between them (a joined triplet). Python takes
# it for white space, so it can be in no word, and `str.split` counts the words on both sides.
SEGMENT = "\x1f"

# Consecutive lines that are sampled or held out together, so that a text keeps its context; a
# multiple of three, the lines of a triplet.
RUN_LINES = 24


def normalised(text: str) -> str:
    """The text with its runs of white space (as ``str.split`` sees them) made single spaces."""
    return " ".join(text.split())


def words_in(line: str) -> int:
    """``len(line.split())`` of a normalised line, quicker."""
    return line.count(" ") + line.count(SEGMENT) + 1
