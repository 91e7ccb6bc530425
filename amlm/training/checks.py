"""What can be found wrong with a run before it starts, beside its options' types and ranges."""

from __future__ import annotations

from amlm.config.schema import Config
from amlm.util.errors import InputError


def check_run(config: Config) -> None:
    """Raises InputError if text, cleaning rules or evaluation items are missing."""
    from amlm.evaluation.zero_shot.tasks import find
    from amlm.text.cleaning import check_rules
    from amlm.text.sources import find_corpora

    check_rules(config.data.cleaning)
    find_corpora(config.data)
    if config.evaluation.tasks:
        try:
            find(config.evaluation.data_dir, config.evaluation.tasks, "fast")
        except InputError as error:
            raise InputError(f"evaluation.{error}") from error
