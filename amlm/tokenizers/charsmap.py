"""SentencePiece's named normalization rules (``nmt_nfkc`` and its kin), followed by `tokenizers`.

A charsmap holds rules "source -> target". Text is cut, from the left, into the longest sources (or
single characters that no rule names), and each is replaced on its own. `normalizers.Precompiled`
alone does not do that: it looks at whole grapheme clusters and takes the shortest source, so that
under ``nmt_nfkc_cf`` a capital with a combining accent after it loses its accent.

Of some 225,000 rules, 21 are not followed: compositions in scripts newer than the Unicode tables of
`tokenizers`. Where case is folded, 813 more: Greek letters with an iota below them that is a
character of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from tokenizers import Regex, normalizers

# Noncharacters, which no text may hold, mark where a unit and a character end.
UNIT, CHARACTER = "\ufdd0", "\ufdd1"


def class_of(characters: Iterable[str]) -> str:
    """A regular expression's class of characters, without its brackets."""
    return "".join(f"\\x{{{ord(character):X}}}" for character in sorted(characters))


def _longest_of(sources: Collection[str]) -> str:
    # A regular expression for the longest of the sources; characters with the same continuations
    # share a branch, which leaves a hundred branches of the 220,000 compositions of NFKC.
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

    Characters are replaced one by one and then composed (NFC), unit by unit: sources of several
    characters have to be compositions, as those of NFKC are.

    Args:
        charsmap: the compiled rules.
        sources: of all rules.
    """
    compositions = {source for source in sources if len(source) > 1}
    later = class_of({character for source in compositions for character in source[1:]})
    unit = rf"(?>(?=.[{later}]){_longest_of(compositions)}\K|(?m:.)\K(?=[^\x00-\x7f]))"
    # Nothing is inserted at the very beginning: `tokenizers` would lose count of its offsets.
    character = r"(?!\A)(?=[^\x00-\x7f]|\n)"
    return [
        normalizers.Replace(Regex(unit), UNIT),
        normalizers.Replace(Regex(character), CHARACTER),
        normalizers.Precompiled(charsmap),
        normalizers.Replace(CHARACTER, ""),
        normalizers.NFC(),
        normalizers.Replace(UNIT, ""),
    ]
