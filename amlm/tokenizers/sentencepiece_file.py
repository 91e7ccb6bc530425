"""Reads the file of a SentencePiece model: a protobuf message, few of whose fields matter here."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amlm.util.errors import InputError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6  # types of pieces
UNIGRAM, BPE = 1, 2  # kinds of models


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
