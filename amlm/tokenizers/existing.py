"""Loads existing tokenizers: a ``tokenizer.json``, a folder with one, or a SentencePiece model.

Text gets the same ids as from the library that made the tokenizer. Roles without a token get a new
one at the end of the vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models

from amlm.tokenizers.sentencepiece_model import sentencepiece_tokenizer
from amlm.tokenizers.special_tokens import NAMES, roles_among, set_roles
from amlm.util.errors import InputError

TOKENIZER_FILE = "tokenizer.json"
# The files of a Hugging Face folder that assign tokens to roles.
SETTINGS_FILES = ("tokenizer_config.json", "special_tokens_map.json")


def existing_files(path: Path) -> list[Path]:
    """The files that define the tokenizer at ``path``.

    Raises:
        InputError: there is no such file, or the folder has no ``tokenizer.json``.
    """
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"there is no tokenizer at {path}: check tokenizer.path")
        return [path]
    if not (path / TOKENIZER_FILE).is_file():
        raise InputError(
            f"the folder {path} has no {TOKENIZER_FILE}: give a SentencePiece model's file, or "
            "save the tokenizer as a fast one"
        )
    return [path / name for name in (TOKENIZER_FILE, *SETTINGS_FILES) if (path / name).is_file()]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(settings, dict)
    except (ValueError, AssertionError) as error:
        raise InputError(f"{path} is truncated or not JSON: {error}: copy it again") from error
    return settings


def _declared(files: list[Path], suffixes: dict[str, str]) -> dict[str, list[str]]:
    # By role, the tokens that the settings next to a tokenizer.json name, e.g. as "cls_token".
    declared: dict[str, list[str]] = {role: [] for role in suffixes}
    for settings in map(_read_json, files):
        for role, name in suffixes.items():
            token = settings.get(f"{name}_token")
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                declared[role].append(token)
    return declared


def _unknown(model: dict[str, Any]) -> list[str]:
    if model.get("type") == "Unigram":
        return [] if model.get("unk_id") is None else [model["vocab"][model["unk_id"]][0]]
    return [model["unk_token"]] if model.get("unk_token") else []


def _hugging_face(files: list[Path]) -> tuple[Tokenizer, dict[str, str]]:
    path, *settings_files = files
    settings = _read_json(path)
    settings |= {"truncation": None, "padding": None, "post_processor": None}
    try:
        settings["model"].pop("dropout", None)  # would make ids random
        tokenizer = Tokenizer.from_str(json.dumps(settings))
        declared = _declared(settings_files, {role: role for role in NAMES})
        declared["unk"] += _unknown(settings["model"])
        otherwise = _declared(settings_files, {"cls": "bos", "sep": "eos"})
        roles = roles_among(tokenizer.get_vocab(), declared, otherwise)
        for token in settings.get("added_tokens", []):
            token["special"] = token["special"] or token["content"] in roles.values()
        tokenizer = Tokenizer.from_str(json.dumps(settings))
    except InputError:
        raise
    except Exception as error:  # the library raises nothing more specific
        raise InputError(
            f"{path} is not a tokenizer of the `tokenizers` library: {error}"
        ) from error
    return tokenizer, roles


def load_existing(path: Path) -> Tokenizer:
    """Loads a tokenizer made elsewhere, with all special tokens; it adds ``[CLS] ... [SEP]``.

    A token has a role by the folder's settings, or else by a common name (``[CLS]``, ``<s>``, ...);
    missing roles get new ids at the end of the vocabulary. Text without special tokens gets the
    same ids as from the tokenizer's own library.

    Args:
        path: a ``tokenizer.json``, a folder with one, or a SentencePiece model.

    Raises:
        InputError: there is none, it is damaged, or its ids can't be reproduced.
    """
    files = existing_files(path)
    with files[0].open("rb") as file:
        is_json = file.read(64).lstrip().startswith(b"{")
    tokenizer, roles = _hugging_face(files) if is_json else sentencepiece_tokenizer(files[0])
    missing = {role: names[0] for role, names in NAMES.items() if role not in roles}
    roles |= missing
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens(
        [
            AddedToken(
                token, lstrip=role == "mask", rstrip=role == "mask", normalized=False, special=True
            )
            for role, token in roles.items()
            if token not in known
        ]
    )
    ids = sorted(tokenizer.get_vocab().values())
    if ids != list(range(len(ids))):
        raise InputError(f"{path} lacks some ids below {ids[-1] + 1}: use another tokenizer")
    set_roles(tokenizer, {role: roles[role] for role in NAMES})
    return tokenizer


def drops_characters(tokenizer: Tokenizer) -> bool:
    """Whether characters that the tokenizer does not know leave no token at all."""
    model, parts = tokenizer.model, (tokenizer.normalizer, tokenizer.pre_tokenizer)
    return (
        isinstance(model, models.BPE)
        and not (model.unk_token or model.byte_fallback)
        and not any(b"ByteLevel" in part.__getstate__() for part in parts if part is not None)
    )
