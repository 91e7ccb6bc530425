"""The special tokens of a tokenizer: the roles ``[PAD] [CLS] [SEP] [UNK] [MASK]``.

They are kept in the template of the tokenizer's post-processor, which maps each role to a token.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens. All but ``unk`` are never masked by default."""

    pad: int = 0
    cls: int = 1
    sep: int = 2
    unk: int = 3
    mask: int = 4

    def all(self) -> list[int]:
        return [self.pad, self.cls, self.sep, self.unk, self.mask]

    def not_maskable(self, mask_special_tokens: bool) -> list[int]:
        return [self.pad] if mask_special_tokens else [self.pad, self.cls, self.sep, self.mask]


# Common names of the tokens of each role, ours first.
NAMES = {
    "pad": ["[PAD]", "<pad>"],
    "cls": ["[CLS]", "<cls>", "<s>", "<bos>"],
    "sep": ["[SEP]", "<sep>", "</s>", "<eos>"],
    "unk": ["[UNK]", "<unk>"],
    "mask": ["[MASK]", "<mask>"],
}


def roles_among(
    tokens: Collection[str],
    declared: Mapping[str, Sequence[str]],
    otherwise: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Assigns tokens to roles, as far as possible; no token has two roles.

    Args:
        tokens: the tokens to choose from.
        declared: by role, tokens that take precedence over those with a common name.
        otherwise: by role, tokens to use if there are none of those.
    """
    roles: dict[str, str] = {}
    for role in ("mask", "pad", "cls", "sep", "unk"):
        for token in [*declared.get(role, []), *NAMES[role], *otherwise.get(role, [])]:
            if token in tokens and token not in roles.values():
                roles[role] = token
                break
    return roles


def set_roles(tokenizer: Tokenizer, roles: Mapping[str, str]) -> None:
    """Makes a tokenizer add ``[CLS] ... [SEP]``, or ``[CLS] ... [SEP] ... [SEP]`` to a pair.

    ``roles`` maps each of the five roles to a token.
    """
    tokenizer.post_processor = TemplateProcessing(
        single="cls $A sep",
        pair="cls $A sep $B:1 sep:1",
        special_tokens=[
            {"id": role, "ids": [tokenizer.token_to_id(token)], "tokens": [token]}
            for role, token in roles.items()
        ],
    )


def _template(tokenizer: Tokenizer) -> dict[str, Any]:
    processor = tokenizer.post_processor
    state = "{}" if processor is None else processor.__getstate__()
    template: dict[str, Any] = json.loads(state).get("special_tokens", {})
    if not NAMES.keys() <= template.keys():
        raise ValueError("the tokenizer has no roles for its special tokens: call set_roles first")
    return template


def special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """The token of each role, from `set_roles`."""
    template = _template(tokenizer)
    return {role: template[role]["tokens"][0] for role in NAMES}


def special_ids(tokenizer: Tokenizer) -> SpecialIds:
    """The id of each role's token, from `set_roles`."""
    template = _template(tokenizer)
    return SpecialIds(**{role: template[role]["ids"][0] for role in NAMES})
