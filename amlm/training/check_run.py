"""Checks of a run before it starts, beyond the types and ranges of its options."""

from __future__ import annotations

from pathlib import Path

from amlm.config.schema import Config
from amlm.util.errors import InputError


def check_run(config: Config, in_sweep: bool = False) -> None:
    """Raises InputError if text, cleaning rules, evaluation items or a table to mask by are
    missing, if no record has the objective, if a callback monitors what is not logged, or if a
    launcher starts the processes of a sweep."""
    from amlm.config.components import build_masking
    from amlm.evaluation.rules import RULES
    from amlm.evaluation.zero_shot.tasks import find
    from amlm.masking.signals.table import Table
    from amlm.text.cleaning import check_rules
    from amlm.text.sources import find_corpora
    from amlm.training.objective import check_objective
    from amlm.training.run_description import RUN_FILE

    masking = build_masking(config)
    schedule, signal = masking["schedule"], masking["signal"]
    # Another run of the sweep may be going to write the table.
    of_sweep = in_sweep and config.run_dir is not None
    if isinstance(signal, Table) and not (
        of_sweep and Path(str(signal.path)).is_relative_to(str(config.run_dir))
    ):
        signal.found()
    lowest = min(schedule(0, 1), schedule(1, 1))
    if config.masking.floor >= lowest - 1e-9:
        raise InputError(
            f"masking.floor={config.masking.floor} is at or above the mask ratio, which falls to "
            f"{lowest}: every type would be clamped to the floor. Use a lower one"
        )
    check_rules(config.data.cleaning)
    # A run that resumes needs no text while its store is cached; see `open_store`.
    if config.run_dir is None or not (Path(config.run_dir).expanduser() / RUN_FILE).is_file():
        find_corpora(config.data)
    if config.evaluation.tasks:
        try:
            scored = config.evaluation
            find(RULES[scored.rules], scored.data_dir, scored.tasks, "fast")
        except InputError as error:
            raise InputError(f"evaluation.{error}") from error
    check_objective(config)
    if config.callbacks:
        from amlm.training.monitors import check_monitors

        check_monitors(config.callbacks)
    if in_sweep:
        from amlm.training.launch import launched

        if ranks := launched():
            raise InputError(
                f"a sweep in {ranks.size} processes of torchrun or srun: start it once, its runs "
                "start their own processes (trainer.devices)"
            )
