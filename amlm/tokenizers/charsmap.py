"""SentencePiece's named normalization rules (``nmt_nfkc`` etc.) as `tokenizers` normalizers.

A charsmap contains rules "source -> target". SentencePiece splits text, from the left, into the
longest sources, or single characters without a rule, and replaces each on its own.
`normalizers.Precompiled` alone uses whole grapheme clusters and the shortest source, so that under
``nmt_nfkc_cf`` a capital letter loses a combining accent.

Of some 225,000 rules, 21 are not reproduced: compositions in scripts newer than the Unicode tables
of `tokenizers`. With case folding, 813 more: Greek letters followed by a combining iota subscript.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from tokenizers import Regex, normalizers

# Noncharacters, which text can't contain, mark the ends of units and characters.
UNIT, CHARACTER = "\ufdd0", "\ufdd1"


def class_of(characters: Iterable[str]) -> str:
    """A character class of a regular expression, without its brackets."""
    return "".join(f"\\x{{{ord(character):X}}}" for character in sorted(characters))


def _longest_of(sources: Collection[str]) -> str:
    # Matches the longest source. Characters with the same continuations share a branch: the 220,000
    # compositions of NFKC need a hundred branches.
    tails: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        if source:
            tails[source[0]].add(source[1:])
    heads: dict[frozenset[str], list[str]] = defaultdict(list)
    for head, rest in tails.items():
        heads[frozenset(rest)].append(head)
    branches = [
        f"[{class_of(each)}]" + ("" if rest == {""} else _longest_of(rest))
        for rest, each in heads.items()
    ]
    return f"(?:{'|'.join(branches)})" + ("?" if "" in sources else "")


def charsmap_normalizers(charsmap: bytes, sources: Iterable[str]) -> list[normalizers.Normalizer]:
    """Normalizers that together apply the rules of a charsmap.

    Characters are replaced one by one and then composed (NFC) within their units, so sources of
    several characters must be compositions, as in NFKC.

    Args:
        charsmap: the compiled rules.
        sources: the sources of all rules.
    """
    compositions = {source for source in sources if len(source) > 1}
    later = class_of({character for source in compositions for character in source[1:]})
    unit = rf"(?>(?=.[{later}]){_longest_of(compositions)}\K|(?m:.)\K(?=[^\x00-\x7f]))"
    # Nothing is inserted at the very beginning, which would corrupt the offsets of `tokenizers`.
    character = r"(?!\A)(?=[^\x00-\x7f]|\n)"
    return [
        normalizers.Replace(Regex(unit), UNIT),
        normalizers.Replace(Regex(character), CHARACTER),
        normalizers.Precompiled(charsmap),
        normalizers.Replace(CHARACTER, ""),
        normalizers.NFC(),
        normalizers.Replace(UNIT, ""),
    ]
