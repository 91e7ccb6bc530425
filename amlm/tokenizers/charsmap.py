"""SentencePiece's compiled normalisation rules, followed to the letter by `tokenizers`.

A charsmap holds rules "source -> target"; text is cut, from the left, into the longest sources (or
single characters that no rule names), and each is replaced on its own. `normalizers.Precompiled`
alone does not do that: it looks at whole grapheme clusters and takes the shortest source, so that
under ``nmt_nfkc_cf`` a capital with a combining accent after it loses its accent.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, normalizers

from amlm.util.errors import InputError

# Two characters that are none (no text may hold them) mark where a unit and a character end.
UNIT, CHARACTER = "\ufdd0", "\ufdd1"
# `nmt_nfkc` names compositions of scripts that are newer than the Unicode tables of `tokenizers`
# (21 of 225,276 rules), `nmt_nfkc_cf` folds the Greek iota below a letter (834): no more than that.
UNFOLLOWED_SHARE = 0.01
BYTES = np.arange(1, 256, dtype=np.uint32)
NODES_AT_ONCE = 4_096


def rules_of(charsmap: bytes) -> dict[str, str]:
    """Source and target of every rule: the keys of a double-array trie, in UTF-8.

    Raises:
        ValueError: the bytes are no charsmap.
    """
    try:
        (size,) = struct.unpack_from("<I", charsmap)
        units = np.frombuffer(charsmap, "<u4", count=size // 4, offset=4)
        targets = charsmap[4 + size :]
        rules: dict[str, str] = {}
        level = [(_children(units[:1]), [b""])]
        while level:
            deeper = []
            for nodes, keys in level:
                at = nodes[:, None] ^ BYTES
                row, column = np.nonzero((units[at] & 0x800000FF) == BYTES)
                at = at[row, column]
                nodes = at ^ _children(units[at])
                steps = zip(row.tolist(), column.tolist(), strict=True)
                keys = [keys[r] + bytes([c + 1]) for r, c in steps]
                for found in np.flatnonzero(units[at] >> 8 & 1):
                    start = int(units[nodes[found]]) & 0x7FFFFFFF
                    target = targets[start : targets.index(b"\0", start)]
                    rules[keys[found].decode()] = target.decode()
                deeper += [
                    (nodes[i : i + NODES_AT_ONCE], keys[i : i + NODES_AT_ONCE])
                    for i in range(0, len(keys), NODES_AT_ONCE)
                ]
            level = deeper
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"not a compiled charsmap: {error}") from error
    return rules


def _children(units: NDArray[np.uint32]) -> NDArray[np.uint32]:
    # Where, against its own place, a unit's children lie.
    return (units >> 10 << ((units & 0x200) >> 6)).astype(np.uint32)


def _one_of(characters: Iterable[str]) -> str:
    return "[" + "".join(f"\\x{{{ord(character):X}}}" for character in sorted(characters)) + "]"


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
        _one_of(each) + ("" if rest == {""} else _longest_of(rest)) for rest, each in heads.items()
    ]
    return f"(?:{'|'.join(branches)})" + ("?" if "" in sources else "")


def charsmap_normalizers(charsmap: bytes) -> list[normalizers.Normalizer]:
    """Normalisers that together do what SentencePiece does with a charsmap.

    Sources of several characters have to be compositions, as those of NFKC are: the characters are
    replaced one by one and then composed (NFC), unit by unit.

    Raises:
        ValueError: the bytes are no charsmap.
        InputError: a source of several characters is no composition.
    """
    rules = rules_of(charsmap)
    compositions = [source for source in rules if len(source) > 1]
    # Nothing is inserted at the very beginning: `tokenizers` would lose count of its offsets.
    apart = Regex(r"(?!\A)(?=[^\x00-\x7f]|\n)")
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(apart, CHARACTER),
        normalizers.Precompiled(charsmap),
        normalizers.Replace(CHARACTER, ""),
    ]
    if compositions:
        second = _one_of({character for source in compositions for character in source[1:]})
        unit = Regex(rf"(?>(?=.{second}){_longest_of(compositions)}\K|(?m:.)\K(?=[^\x00-\x7f]))")
        steps.insert(0, normalizers.Replace(unit, UNIT))
        steps += [normalizers.NFC(), normalizers.Replace(UNIT, "")]
    separator = "\ufdd2"  # no source holds it, and it combines with nothing
    text = normalizers.Sequence(steps).normalize_str(separator.join(rules))
    pairs = zip(rules.values(), text.split(separator), strict=True)
    if sum(target != ours for target, ours in pairs) > UNFOLLOWED_SHARE * len(rules):
        raise InputError(
            "the normalization rules of the SentencePiece model replace sequences of characters "
            "by other than their compositions, which can't be done exactly: train the model with "
            "one of its named rules (nmt_nfkc, identity, ...)"
        )
    return steps
