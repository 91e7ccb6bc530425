"""Quicker imports of large libraries."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

# torchmetrics imports these wherever they are installed, for plots and metrics that training does
# not use, and `transformers` then reads the source of each of its 1,600 modules, twice.
UNUSED = ("matplotlib", "scipy", "transformers")


@contextmanager
def quick_imports() -> Iterator[None]:
    """Within it, imports take a fifth less: no garbage is collected, of which modules have none.
    What was imported is exempt from collection for good."""
    before, collecting = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        if collecting:
            gc.enable()


def import_torchmetrics() -> None:
    """Imports torchmetrics, which Lightning needs, as if `UNUSED` were not installed.

    A user's callback that needs more of it has imported it before, when its options were checked.
    """
    from lightning_utilities.core import imports

    class Requirement(imports.RequirementCache):
        def __bool__(self) -> bool:
            return not str(self.requirement).startswith(UNUSED) and super().__bool__()

    def available(package: str) -> bool:
        return package not in UNUSED and bool(package_available(package))

    package_available = imports.package_available
    with (
        patch.object(imports, "RequirementCache", Requirement),
        patch.object(imports, "package_available", available),
    ):
        importlib.import_module("torchmetrics")
