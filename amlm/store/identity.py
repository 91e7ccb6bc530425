"""What identifies the text and tokenizer of a run, and what of it has changed.

A store is identified by its key, which is known before it is built (digests of the text, commits of
Hub datasets, cleaning, mix, tokenizer, versions), and by the digest of what was built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.text.cleaning import CLEANING_VERSION, check_rules, rules_for
from amlm.text.corpora import Corpus, fingerprint
from amlm.text.readers import digest
from amlm.tokenizers.existing import existing_files

STORE_VERSION = 7  # part of the key: increment it when the format or tokenizer changes


@dataclass(frozen=True)
class Content:
    """What a run is trained on, as kept in ``run.json`` and in its checkpoints.

    Attributes:
        store: name of the store's folder in the cache.
        digest: of the store (ids, counts, tokenizer, statistics).
        tokenizer: digest of its ``tokenizer.json``.
        hub: the commit of each dataset of the Hugging Face Hub, by its name in the configuration.
        key: what the store was built from, see `store_key`.
    """

    store: str
    digest: str
    tokenizer: str
    hub: dict[str, str]
    key: dict[str, Any]


def json_digest(content: Any) -> str:
    """BLAKE2b of a JSON value, 32 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def store_key(
    corpora: dict[str, list[Corpus]], config: DataConfig, tokenizer: TokenizerConfig
) -> dict[str, Any]:
    """Everything that a store depends on: text, cleaning, mix, tokenizer and format version."""
    check_rules(config.cleaning)
    mixed = bool(config.shares or config.words)
    if tokenizer.path is None:
        tokenized: Any = {"vocab_size": tokenizer.vocab_size}
    else:
        tokenized = [digest(path) for path in existing_files(Path(tokenizer.path).expanduser())]
    return {
        "version": [STORE_VERSION, CLEANING_VERSION],
        "text": fingerprint(corpora),
        "cleaning": {
            corpus.name: rules_for(config.cleaning, corpus.name)
            for many in corpora.values()
            for corpus in many
            if corpus.raw
        },
        "mix": {
            "words": config.words,
            "shares": dict(config.shares),
            "allow_repeat": config.allow_repeat,
            "seed": config.seed,
        }
        if mixed
        else None,
        "tokenizer": tokenized,
    }


def store_folder(key: dict[str, Any], cache: Path) -> Path:
    """The folder of the store with this key, whether it exists or not."""
    return cache / f"store-{json_digest(key)[:16]}"


def key_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """In words, how two keys differ."""
    changes = []
    for split, title in (("train", "training"), ("dev", "held-out")):
        before, now = (
            dict(each.split(": ", 1) for each in key["text"][split]) for key in (old, new)
        )
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                what = "is new" if name not in before else "has changed"
                changes.append(f"the {title} text {name} {what if name in now else 'is missing'}")
    changes += [
        f"{title} changed from {old[part]} to {new[part]}"
        for part, title in (
            ("version", "the versions of store and cleaning"),
            ("cleaning", "the cleaning rules"),
            ("mix", "the mix"),
        )
        if old[part] != new[part]
    ]
    if old["tokenizer"] != new["tokenizer"]:
        changes.append("the tokenizer has changed")
    return ", ".join(changes)
