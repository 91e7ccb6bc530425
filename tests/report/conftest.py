"""Tiny runs, as in the tests of training."""

from tests.training.conftest import cache, overrides, text_folder, tiny, tiny_overrides, tiny_run

__all__ = ["cache", "overrides", "text_folder", "tiny", "tiny_overrides", "tiny_run"]
