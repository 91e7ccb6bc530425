"""The closest known name, for hints in error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint with the closest known word, `` (did you mean ...?)``, or an empty string."""
    known = list(known)
    # A key in the wrong section is more frequent than a misspelt one, so match its last part too.
    last = word.rsplit(".", 1)[-1]
    same_end = [name for name in known if name.rsplit(".", 1)[-1] == last]
    longer = sorted((name for name in known if word and name.startswith(word)), key=len)
    found = same_end[:1] or longer[:1] or get_close_matches(word, known, n=1, cutoff=0.6)
    if not found:
        ends = {name.rsplit(".", 1)[-1]: name for name in known}
        found = [ends[end] for end in get_close_matches(last, ends, n=1, cutoff=0.6)]
    return f" (did you mean {found[0]}?)" if found else ""
