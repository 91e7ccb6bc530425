"""Secrets among options: found, refused where they are typed, masked where they are written.

What is typed is in the shell's history, the list of processes, Hydra's files and W&B's metadata. An
interpolation such as ``${oc.env:SLACK_KEY}`` is in none of these; its value is masked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from amlm.util.errors import InputError

MASK = "***"
# Names of options whose value is a secret; `token` alone may be a word of the vocabulary.
NAMES = re.compile(
    r"(.*_)?(api_?key|secret(_key)?|password|passwd|credentials?"
    r"|(access|auth|api|hub|hf|bot|bearer|private)_?token|webhook(_url)?)",
    re.IGNORECASE,
)
# Parts of texts that are secrets: credentials in a URL, and keys by their usual beginnings.
PARTS = re.compile(
    r"(?<=://)[^/@\s]+(?=@)"
    r"|(?<=[?&])(?:[\w-]*(?:token|key|secret|password|signature)|sig)=[^&#\s]+"
    r"|(?:hf_|sk-|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|wandb_v\d_)[\w-]{16,}"
    r"|AKIA[A-Z0-9]{16}"
    r"|https://hooks\.slack\.com/\S+",
    re.IGNORECASE,
)


def masked(value: Any, name: str = "") -> Any:
    """The same containers, with `MASK` in the place of secrets; ``name`` is the option's."""
    if isinstance(value, Mapping):
        return {key: masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each, name) for each in value]
    if not isinstance(value, str) or "${" in value:
        return value
    return MASK if value and NAMES.fullmatch(name) else PARTS.sub(MASK, value)


def check_no_secrets(options: Any, prefix: str = "") -> None:
    """Raises InputError for the first option, not interpolated, that holds a secret."""
    pairs = options.items() if isinstance(options, Mapping) else ()
    for name, value in pairs:
        if isinstance(value, Mapping):
            check_no_secrets(value, f"{prefix}{name}.")
        elif isinstance(value, (str, list)) and masked(value, str(name)) != value:
            raise InputError(
                f"{prefix}{name} holds a secret, which would be written down with the options: put "
                f"it into an environment variable and give '{prefix}{name}=${{oc.env:VARIABLE}}'"
            )
