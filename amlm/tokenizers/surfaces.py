"""Surface forms of the types of any vocabulary."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, decoders

from amlm.tokenizers.bpe import BOUNDARY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
BYTE_LEVEL = decoders.ByteLevel()


def _decoded(piece: str) -> str | None:
    text = BYTE_LEVEL.decode([piece])
    if text == piece:  # visible ASCII, or an added token
        return piece
    # Part of a character is decoded as U+FFFD, whose own bytes are written ï¿½.
    if text.count("\ufffd") > piece.count("ï¿½"):
        return None
    return text.replace(" ", BOUNDARY)


def _is_byte_level(settings: dict[str, Any]) -> bool:
    return '"type": "ByteLevel"' in json.dumps(
        [settings[part] for part in ("normalizer", "pre_tokenizer", "decoder")]
    )


def special_types(tokenizer: Tokenizer) -> set[int]:
    """Ids of all special tokens, including those without a role."""
    return {v for v, token in tokenizer.get_added_tokens_decoder().items() if token.special}


def surfaces_of(tokenizer: Tokenizer | PreTrainedTokenizerFast) -> list[str | None]:
    """Surface form of each id 0 ... V-1; None for special tokens, bytes and unused ids.

    A surface form is the text of the type, with the word-boundary mark ``▁`` for a space and before
    a piece that begins a word. Pieces of our BPE and of SentencePiece are surface forms. Byte-level
    pieces are decoded, and have none if they are not whole characters. WordPiece marks pieces that
    do not begin a word instead.
    """
    backend: Tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    ids = backend.get_vocab(with_added_tokens=True)
    special = special_types(backend)
    settings = json.loads(backend.to_str())
    model = settings["model"]
    within = model["continuing_subword_prefix"] if model["type"] == "WordPiece" else None
    byte_level = _is_byte_level(settings)
    surfaces: list[str | None] = [None] * (max(ids.values()) + 1)
    for piece, v in ids.items():
        if v in special or BYTE_TOKEN.fullmatch(piece):
            continue
        if byte_level:
            surfaces[v] = _decoded(piece)
        elif within is not None:
            begins = not piece.startswith(within)
            surfaces[v] = BOUNDARY + piece if begins else piece.removeprefix(within)
        else:
            surfaces[v] = piece
    return surfaces


def kind_of(surface: str | None) -> str:
    """``word`` (begins one), ``continuation``, ``number``, ``punctuation``, or ``byte`` (without a
    surface form)."""
    if surface is None:
        return "byte"
    if any(map(str.isalpha, surface)):
        return "word" if surface.startswith(BOUNDARY) else "continuation"
    return "number" if any(map(str.isnumeric, surface)) else "punctuation"
