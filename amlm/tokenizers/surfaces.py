"""Surface forms of the types of any vocabulary."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from amlm.tokenizers.bpe import BOUNDARY

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


def _byte_of() -> dict[str, int]:
    # Byte-level vocabularies write a byte as the character of that number if it is visible, and all
    # others as the characters from 256 on, in order.
    visible = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), 256),
    ]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + i): b for i, b in enumerate(hidden)}


def _decoded(piece: str, byte_of: dict[str, int]) -> str | None:
    if not all(character in byte_of for character in piece):
        return piece  # an added token
    try:
        text = bytes(byte_of[character] for character in piece).decode()
    except UnicodeDecodeError:  # part of a character
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
    byte_of = _byte_of() if _is_byte_level(settings) else None
    surfaces: list[str | None] = [None] * (max(ids.values()) + 1)
    for piece, v in ids.items():
        if v in special or BYTE_TOKEN.fullmatch(piece):
            continue
        if byte_of is not None:
            surfaces[v] = _decoded(piece, byte_of)
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
