"""Builds a tokenizer that gives the ids of a SentencePiece model, from its file alone.

The file is a protobuf message; only a few of its fields matter here. Unigram and BPE models are
rebuilt exactly: normalisation, dummy prefix, white space, byte fallback, user-defined symbols. Two
things cannot be: a Unigram model adds up its scores in single precision there and in double
precision here, so that of two segmentations whose scores agree to seven digits (mostly runs of one
character, cut at other places) either may win; and see `amlm.data.charsmap`.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from amlm.data.charsmap import charsmap_normalizers
from amlm.data.roles import roles_among
from amlm.data.tokenizer import BOUNDARY
from amlm.errors import InputError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
UNIGRAM, BPE = 1, 2
# A user-defined symbol is one token wherever it stands. The model knows it under a character for
# private use, into which the normaliser turns it.
FIRST_SYMBOL = 0xF0000


@dataclass(frozen=True)
class SentencePieceModel:
    """What a model file says, with SentencePiece's defaults for what it leaves out."""

    pieces: list[tuple[str, float, int]]  # text, score, type
    kind: int
    byte_fallback: bool
    charsmap: bytes
    dummy_prefix: bool
    remove_extra_spaces: bool
    # The pieces that stand for the beginning and the end of a sentence, and for padding.
    begin: str
    end: str
    padding: str

    def of(self, *types: int) -> list[str]:
        return [piece for piece, _, each in self.pieces if each in types]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    # Number and value of each field of a protobuf message; integers are unsigned.
    at = 0

    def integer() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, kind = divmod(integer(), 8)
        if kind == 0:
            yield number, integer()
            continue
        size = {1: 8, 2: -1, 5: 4}[kind]
        size = integer() if size < 0 else size
        if at + size > len(message):
            raise ValueError("the last field is cut off")
        yield number, message[at : at + size]
        at += size


def _piece(message: bytes) -> tuple[str, float, int]:
    fields = dict(_fields(message))
    text, score = fields[1], fields.get(2, bytes(4))
    assert isinstance(text, bytes) and isinstance(score, bytes)
    kind = fields.get(3, NORMAL)
    assert isinstance(kind, int)
    return text.decode(), struct.unpack("<f", score)[0], kind


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """Reads a model file.

    Raises:
        InputError: the file is torn, no SentencePiece model, or a model of a kind that can't be
            followed exactly.
    """
    parts: dict[int, list[bytes]] = defaultdict(list)
    try:
        for number, value in _fields(path.read_bytes()):
            assert isinstance(value, bytes)
            parts[number].append(value)
        pieces = [_piece(message) for message in parts[1]]
        training = dict(_fields(parts[2][-1]))
        normalising = dict(_fields(parts[3][-1]))
        names = [
            value.decode()
            for number, default in ((46, b"<s>"), (47, b"</s>"), (48, b"<pad>"))
            if isinstance(value := training.get(number, default), bytes)
        ]
        charsmap = normalising.get(2, b"")
        assert isinstance(charsmap, bytes)
    except (ValueError, LookupError, AssertionError, struct.error) as error:
        raise InputError(
            f"{path} is neither a tokenizer.json nor a whole SentencePiece model: copy it again"
        ) from error

    def refuse(what: str) -> InputError:
        return InputError(f"{path}: {what}, which can't be followed exactly: use another model")

    kind = training.get(3, UNIGRAM)
    if kind not in (UNIGRAM, BPE):
        raise refuse("a SentencePiece model of whole words or single characters")
    if training.get(24, 0) or not normalising.get(5, 1):
        raise refuse("white space is written behind words, or as it is")
    if {each for _, _, each in pieces} - {NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE}:
        raise refuse("some pieces are out of use")
    if not any(each == UNKNOWN for _, _, each in pieces):
        raise refuse("no piece stands for what is unknown")
    normal = {piece for piece, _, each in pieces if each == NORMAL}
    if not set("".join(normal)) <= normal:
        raise refuse("some characters of its pieces are no pieces")
    return SentencePieceModel(
        pieces=pieces,
        kind=int(kind),
        byte_fallback=bool(training.get(35, 0)),
        charsmap=charsmap,
        dummy_prefix=bool(normalising.get(3, 1)),
        remove_extra_spaces=bool(normalising.get(4, 1)),
        begin=names[0],
        end=names[1],
        padding=names[2],
    )


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


def sentencepiece_tokenizer(path: Path) -> tuple[Tokenizer, dict[str, str]]:
    """A tokenizer with the ids of a SentencePiece model, and which tokens have which roles.

    Reserved pieces (control symbols, the unknown piece) become special tokens. So does a
    user-defined symbol with a role, ``[MASK]`` say: where text spells it, it is text here.

    Raises:
        InputError: see `read_sentencepiece` and `amlm.data.charsmap.charsmap_normalizers`.
    """
    model = read_sentencepiece(path)
    declared = {
        "unk": model.of(UNKNOWN)[:1],
        "cls": [model.begin],
        "sep": [model.end],
        "pad": [model.padding],
    }
    roles = roles_among(model.of(UNKNOWN, CONTROL, USER_DEFINED), {}, declared)
    special = [*model.of(UNKNOWN, CONTROL), *roles.values()]
    symbols = {
        symbol: chr(FIRST_SYMBOL + i)
        for i, symbol in enumerate(model.of(USER_DEFINED))
        if symbol not in special
    }
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
