"""The configuration of a text of two short files."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlm.config.schema import DataConfig
from tests.store.tiny_text import TINY, MakeConfig, Write


@pytest.fixture
def tiny(tmp_path: Path, write_text: Write, data_config: MakeConfig) -> DataConfig:
    return data_config(write_text(tmp_path / "text", TINY))
