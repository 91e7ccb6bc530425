"""Builds a tokenizer that gives the ids of a SentencePiece model, from its file alone.

Unigram and BPE models are rebuilt exactly: normalisation, dummy prefix, white space, byte fallback,
user-defined symbols. One thing cannot be: SentencePiece adds up the scores of a Unigram model in
single precision and `tokenizers` in double, so that of two segmentations whose scores agree to
seven digits (runs of one character, cut at other places) either may win. See also
`amlm.tokenizers.charsmap`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import pairwise, permutations
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from amlm.tokenizers.bpe import BOUNDARY
from amlm.tokenizers.charsmap import charsmap_normalizers
from amlm.tokenizers.sentencepiece_file import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    SentencePieceModel,
    read_sentencepiece,
)
from amlm.tokenizers.special_tokens import roles_among
from amlm.util.errors import InputError

# A user-defined symbol is one token wherever it stands. The model knows it under a character for
# private use, into which the normaliser turns it.
FIRST_SYMBOL = 0xF0000


def _normalizer(model: SentencePieceModel, symbols: dict[str, str]) -> normalizers.Normalizer:
    # A longer symbol goes before one that is part of it.
    marks = [
        normalizers.Replace(symbol, symbols[symbol])
        for symbol in sorted(symbols, key=len, reverse=True)
    ]
    steps: list[normalizers.Normalizer] = [*marks]
    prefix = [normalizers.Prepend(BOUNDARY)] if model.dummy_prefix else []
    if not model.remove_extra_spaces:
        steps += prefix
    if model.charsmap:
        steps += charsmap_normalizers(model.charsmap)
    if model.remove_extra_spaces:
        steps += [normalizers.Replace(Regex(r"\A +| +\z| +(?= )"), ""), *prefix]
    steps.append(normalizers.Replace(" ", BOUNDARY))
    if model.remove_extra_spaces:
        steps.append(normalizers.Replace(Regex(rf"{BOUNDARY}+\z"), ""))
    # The normalisation may have made a symbol of what was none.
    return normalizers.Sequence([*steps, *marks])


def _merges(model: SentencePieceModel) -> list[tuple[str, str]]:
    # Two neighbours are merged if together they are a piece, the piece with the best score first.
    scores = {piece: score for piece, score, kind in model.pieces if kind == NORMAL}
    return [
        (piece[:cut], piece[cut:])
        for piece in sorted(scores, key=scores.__getitem__, reverse=True)
        for cut in range(1, len(piece))
        if piece[:cut] in scores and piece[cut:] in scores
    ]


def _reserved_score(model: SentencePieceModel) -> float:
    # `tokenizers` finds every piece in text, SentencePiece none that is reserved. With this score
    # a reserved piece loses against the characters it is written with.
    worst = min([0.0, *(score for _, score, kind in model.pieces if kind == NORMAL)])
    return worst * max(len(piece) for piece, _, _ in model.pieces) - 1


def _reserved_apart(
    model: SentencePieceModel, reserved: list[str]
) -> list[pre_tokenizers.PreTokenizer]:
    # Unless some of those characters are unknown, which scores still worse. Then text that spells
    # a reserved piece is cut beside an unknown character, where no piece lies across; not between
    # two of them, which are one unknown piece together, unless they are to become bytes.
    known = set(model.of(NORMAL))
    tails: dict[str, list[str]] = defaultdict(list)
    for piece in reserved:
        for cut, (left, right) in enumerate(pairwise(piece), 1):
            unknown = (left not in known) + (right not in known)
            if unknown == 1 or (unknown == 2 and model.byte_fallback):
                tails[piece[:cut]].append(re.escape(piece[cut:]))
                break
    return [
        pre_tokenizers.Split(
            Regex(f"{re.escape(head)}(?={'|'.join(each)})"), "merged_with_previous"
        )
        for head, each in tails.items()
    ]


def _model_of(model: SentencePieceModel, names: list[str]) -> models.Model:
    unknown = names.index(model.of(UNKNOWN)[0])
    if model.kind == BPE:
        return models.BPE(
            vocab={name: v for v, name in enumerate(names)},
            merges=_merges(model),
            unk_token=names[unknown],
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
        )
    # A user-defined symbol under another name has no rival, whatever its score.
    reserved = _reserved_score(model)
    vocab = [
        (name, score if kind == NORMAL else reserved)
        for name, (_, score, kind) in zip(names, model.pieces, strict=True)
    ]
    return models.Unigram(vocab, unk_id=unknown, byte_fallback=model.byte_fallback)


def _refuse_overlaps(path: Path, symbols: list[str]) -> None:
    # A Unigram model weighs overlapping symbols against each other by their lengths and what comes
    # behind them, which a replacement of one after the other does not.
    for one, other in permutations(symbols, 2):
        overlap = any(one.endswith(other[:n]) for n in range(1, len(other)))
        if one in other or overlap:
            raise InputError(
                f"{path}: its symbols {one} and {other} overlap, and a Unigram model's choice "
                "between them can't be followed exactly: use a model without one of them"
            )


def sentencepiece_tokenizer(path: Path) -> tuple[Tokenizer, dict[str, str]]:
    """A tokenizer with the ids of a SentencePiece model, and which tokens have which roles.

    Reserved pieces (control symbols, the unknown piece) become special tokens. So does a
    user-defined symbol with a role, ``[MASK]`` say: where text spells it, it is text here.

    Raises:
        InputError: symbols of a Unigram model overlap; and see `read_sentencepiece` and
            `charsmap_normalizers`.
    """
    model = read_sentencepiece(path)
    roles = roles_among(
        model.of(UNKNOWN, CONTROL, USER_DEFINED),
        declared={"unk": model.of(UNKNOWN)[:1]},
        otherwise={"cls": [model.begin], "sep": [model.end], "pad": [model.padding]},
    )
    special = [*model.of(UNKNOWN, CONTROL), *roles.values()]
    symbols = {
        symbol: chr(FIRST_SYMBOL + i)
        for i, symbol in enumerate(model.of(USER_DEFINED))
        if symbol not in special
    }
    if model.kind == UNIGRAM:
        _refuse_overlaps(path, list(symbols))
    tokenizer = Tokenizer(
        _model_of(model, [symbols.get(piece, piece) for piece, _, _ in model.pieces])
    )
    tokenizer.normalizer = _normalizer(model, symbols)
    reserved = [*special, *model.of(BYTE)]
    cuts = _reserved_apart(model, reserved) if model.kind == UNIGRAM else []
    if BOUNDARY in model.of(NORMAL) and not any(BOUNDARY in p[1:] for p in model.of(NORMAL)):
        # Exact, since no piece lies across words, and many times as fast: words are remembered.
        cuts.insert(0, pre_tokenizers.Split(BOUNDARY, "merged_with_next"))
    if cuts:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.decoder = decoders.Sequence(
        [
            *(decoders.Replace(mark, symbol) for symbol, mark in symbols.items()),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(BOUNDARY, " "),
            *([decoders.Strip(" ", 1, 0)] if model.dummy_prefix else []),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in dict.fromkeys(special)]
    )
    return tokenizer, roles
