"""Packages that only an extra of ours installs."""

from __future__ import annotations

import importlib
from typing import Any

from amlm.util.errors import InputError


def optional(module: str, purpose: str, extra: str = "data") -> Any:
    """Imports a module of one of the package's extras; InputError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{purpose} needs more packages: pip install 'amlm[{extra}]'") from error
