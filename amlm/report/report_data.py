"""What a report shows of groups of runs: curves over seeds, mean tables, what a reader must know.

Shapes: V token types, T updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from amlm.report.comparison import OF_CLASS
from amlm.report.curves import Curve, Points, over_seeds
from amlm.report.groups import grouped
from amlm.report.run_drift import RunDrift, Vocabulary, read_drift
from amlm.report.run_scores import Evaluations
from amlm.report.runs import find_folders
from amlm.report.statistics import Estimate, Floats, estimate
from amlm.tokenizers.parts_of_speech import check_tagger
from amlm.training.read_run import read_run
from amlm.util.errors import InputError

RANK, KIND, SPEECH = (
    f"mask_update/by_{name}" for name in ("frequency_rank", "kind", "part_of_speech")
)
ACCURACY = {  # of the types in classes, with what the classes are
    "validation/by_frequency": "occurrences in the training text",
    "validation/by_part_of_speech": "part of speech",
}
DRIFT = {  # numbers of an update, with their titles
    "entropy": "entropy (nats)",
    "effective_types": "effective types",
    "kl_first": "KL to the first table (nats)",
    "kl_previous": "KL to the previous table (nats)",
    "at_floor": "share at the floor",
}
LEARNING = {  # titles and factors of the learning curves
    "validation/loss": ("held-out loss (nats)", 1.0),
    "validation/accuracy": ("held-out accuracy (%)", 100.0),
    "validation/accuracy_over_bins": ("the same, mean over frequency bins (%)", 100.0),
    "validation/accuracy_over_types": ("the same, mean over types (%)", 100.0),
    "train/loss": ("training loss (nats)", 1.0),
    "train/realised_ratio": ("realised mask ratio", 1.0),
}
SPEED = {
    "train/tokens_per_second": ("tokens per second", 1.0),
    "train/peak_memory": ("peak resident memory (GB)", 1e-9),
    "train/peak_device_memory": ("peak GPU memory (GB)", 1e-9),
}

Panels = dict[str, tuple[str, float]]  # title and factor by the name of a curve


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in their seed alone."""

    name: str
    runs: list[RunDrift]

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Means over seeds of every number of the log."""
        names = sorted({name for run in self.runs for name in run.curves})
        found = {name: over_seeds(self._curves(name)) for name in names}
        # Machines and other jobs vary, not seeds: no interval.
        return {name: c.plain() if name in SPEED else c for name, c in found.items()}

    def _curves(self, name: str) -> Sequence[Points]:
        found = [run.curves[name] for run in self.runs if name in run.curves]
        if not name.startswith(("checkpoint/", "evaluation/")):
            return found
        # Seeds see the same number of words at slightly different steps.
        steps = max(map(list, found), key=len)
        return [dict(zip(steps, curve.values(), strict=False)) for curve in found]

    def under(self, prefix: str) -> dict[str, Curve]:
        """The curves below a name by the rest of theirs, without that of special tokens, which are
        never measured; bins of ranks or frequencies in order."""
        found = {
            name.removeprefix(f"{prefix}/"): curve
            for name, curve in self.curves.items()
            if name.startswith(f"{prefix}/") and not name.endswith("/special")
        }
        if prefix in (RANK, "validation/by_frequency"):
            return dict(sorted(found.items(), key=lambda each: int(each[0].partition("-")[0])))
        return found

    @property
    def drifted(self) -> list[RunDrift]:
        """The runs whose tables can be averaged: of one vocabulary and as many updates as any."""
        first = max(self.runs, key=lambda run: len(run.updates))
        return [
            run
            for run in self.runs
            if run.updates == first.updates and run.vocabulary is first.vocabulary
        ]

    @property
    def updates(self) -> list[int]:
        return self.drifted[0].updates

    @property
    def ratios(self) -> list[float]:
        return self.drifted[0].ratios

    @property
    def vocabulary(self) -> Vocabulary | None:
        return self.drifted[0].vocabulary

    def mean_tables(self, updates: Sequence[int]) -> Floats:
        """Masking probabilities after some updates, by index, mean over seeds: ``[T, V]``."""
        total_TV = np.zeros(())
        for run in self.drifted:
            total_TV = total_TV + run.tables_TV[list(updates)]
        return np.asarray(total_TV / len(self.drifted), dtype=np.float64)

    def scores(self) -> Iterator[tuple[str, Estimate]]:
        """Final metrics that every run has, over seeds, but for those of classes of tokens."""
        for metric in self.runs[0].result.metrics:
            known = all(metric in run.result.metrics for run in self.runs)
            if known and not metric.startswith(OF_CLASS):
                yield metric, estimate([run.result.metrics[metric] for run in self.runs])


@dataclass(frozen=True)
class ReportData:
    """Attributes: groups; notes: what a reader must know first, e.g. that a group has one seed;
    tagger: what told the parts of speech."""

    groups: list[Group]
    notes: list[str]
    tagger: str = "lexicon"

    @property
    def runs(self) -> list[tuple[str, RunDrift]]:
        """All runs with the names of their groups."""
        return [(group.name, run) for group in self.groups for run in group.runs]


def panels_of(groups: Sequence[Group]) -> dict[str, Panels]:
    """The curves of which every group is a line, by section."""
    scores: Panels = {
        name: (f"{name.split('/')[1]} while training (%)", 1.0)
        for group in groups
        for name in group.curves
        if name.startswith("evaluation/") and name.endswith("/score")
    }
    found: dict[str, Panels] = {
        "learning_curves": LEARNING | scores,
        "distribution": {f"mask_update/{name}": (title, 1.0) for name, title in DRIFT.items()},
        "speed": SPEED,
    }
    known = {name for group in groups for name in group.curves}
    return {
        section: {name: panel for name, panel in panels.items() if name in known}
        for section, panels in found.items()
    }


def read_report(
    patterns: Sequence[str], results: Sequence[str] = (), tagger: str = "lexicon"
) -> ReportData:
    """Reads runs, finished or not, and groups those that differ in their seed alone.

    Args:
        patterns: glob patterns of run folders, or of folders above them.
        results: folders with results of ``amlm.evaluate``. Those inside a run folder are read too.
        tagger: tells the parts of speech, of all runs, so that they compare.

    Raises:
        InputError: a pattern matches nothing, no run has trained, two are of one group and seed, or
            the tagger is not installed.
    """
    vocabularies: dict[str, Vocabulary] = {}
    drifts: list[RunDrift] = []
    notes = []
    evaluations = Evaluations(results)
    check_tagger(tagger)
    for folder in find_folders(patterns):
        record = read_run(folder)
        if not (record.of_kind("train") and record.of_kind("validation")):
            notes.append(f"{folder} is left out: it has not trained yet.")
            continue
        drifts.append(read_drift(record, evaluations.of(record), vocabularies, tagger))
    if not drifts:
        raise InputError(f"runs={','.join(patterns)}: no run has trained yet; wait for the first")
    # A name for each result, to find its run again.
    named = [replace(run.result, run=str(run.record.folder)) for run in drifts]
    by_folder = {str(run.record.folder): run for run in drifts}
    groups = [
        Group(name, [by_folder[seeds[seed].run] for seed in sorted(seeds)])
        for name, seeds in sorted(grouped(named).items())
    ]
    return ReportData(groups, [*notes, *evaluations.notes(), *_notes(groups)], tagger)


def _notes(groups: Sequence[Group]) -> Iterator[str]:
    for group in groups:
        runs = group.runs
        if len(runs) == 1:
            yield f"{group.name} has one seed: no interval over seeds can be given."
        for run in runs:
            if not run.finished:
                yield f"{group.name}, seed {run.result.seed}: not finished (step {run.steps:,})."
            for event in run.record.of_kind("health"):
                where = f"{group.name}, seed {run.result.seed}, step {event['step']:,}"
                yield f"{where}: {event['message']}"
        if len(group.drifted) < len(runs):
            yield (
                f"{group.name}: its mean tables are of {len(group.drifted)} of {len(runs)} runs; "
                "the others have fewer updates or another vocabulary."
            )
        if parts := _not_drawn_by_type(group):
            yield (
                f"{group.name} masks by {' and '.join(parts)}: the sentence viewer shows what "
                "single tokens drawn by its table would get."
            )
        if group.vocabulary is None:
            yield f"{group.name}: no tokenizer yet, so no parts of speech, tokens or sentences."


def _not_drawn_by_type(group: Group) -> list[str]:
    """The choices by which positions are not drawn by the table's probability of their type."""
    masking = group.runs[0].record.config["masking"]
    unit, signal = (masking[part]["_target_"].rpartition(".")[2] for part in ("unit", "signal"))
    return [
        *([f"unit {unit.lower()}"] if unit != "Token" else []),
        *(["a network"] if signal == "Neural" else []),
        *(["uniform draws"] if masking["control"] == "loss_weighting" else []),
    ]
