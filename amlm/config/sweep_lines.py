"""What a sweep says: a line after each run, with the time left, and a summary at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from amlm.config.command import Outcome
from amlm.util.terminal import duration

WORDS = ("finished", "skipped", "submitted", "failed", "stopped")  # see `Outcome`


@dataclass
class Run:
    """A run that has been started.

    Attributes:
        name: what distinguishes it from the others.
        whole: it did not resume an earlier part, so that its time is that of a run.
    """

    name: str
    whole: bool = True
    started: float = field(default_factory=monotonic)
    seconds: float = 0.0
    outcome: Outcome | None = None

    def end(self, outcome: Outcome) -> None:
        self.outcome, self.seconds = outcome, monotonic() - self.started

    @property
    def failed(self) -> bool:
        return self.outcome is not None and self.outcome.word == "failed"

    @property
    def took(self) -> str:
        trained = self.outcome is not None and self.outcome.word == "finished"
        return f" ({duration(self.seconds)})" if trained else ""


def names(runs: Sequence[Sequence[str]], fixed: Sequence[str]) -> list[str]:
    """The overrides of each run but those that all runs have."""
    own = [[each for each in run if each not in fixed] for run in runs]
    common = {*own[0]}.intersection(*own) if len(own) > 1 else set()
    return [" ".join(each for each in run if each not in common) or "the run" for run in own]


def time_left(runs: Sequence[Run], total: int, jobs: int, now: float) -> float | None:
    """Seconds until a sweep ends, from the mean time of its finished runs; None without any.

    Args:
        runs: started so far, of ``total``.
        jobs: runs at once.
        now: on the clock of `time.monotonic`.
    """
    finished = [run for run in runs if run.outcome and run.outcome.word == "finished"]
    times = [run.seconds for run in finished if run.whole] or [run.seconds for run in finished]
    if not times:
        return None
    mean = sum(times) / len(times)
    spent = [min(now - run.started, mean) for run in runs if run.outcome is None]
    left = mean * (total - len(runs) + len(spent)) - sum(spent)
    longest = mean - min(spent, default=mean)  # of those that are running
    return max(left / jobs, longest)


def line(run: Run, runs: Sequence[Run], total: int, jobs: int) -> str:
    """The line after a run: ``run 12 of 96 finished (4 min): seed=3; about 3 h 40 min left``."""
    assert run.outcome is not None
    ended = sum(each.outcome is not None for each in runs)
    left = time_left(runs, total, jobs, monotonic())
    how = "skipped, it had finished" if run.outcome.word == "skipped" else run.outcome.word
    text = f"run {ended} of {total} {how}{run.took}: {run.name}"
    return text if left is None or ended == total else f"{text}; about {duration(left)} left"


def summary(runs: Sequence[Run], total: int, again: str) -> str:
    """All runs of a sweep, a line each, and what to do if some are missing.

    Args:
        runs: that were started.
        total: of the sweep.
        again: how the missing ones are trained.
    """
    ended = [(run, run.outcome) for run in runs if run.outcome is not None]
    counts = Counter(outcome.word for _, outcome in ended)
    parts = [f"{counts[word]} {word}" for word in WORDS if counts[word]]
    if missing := total - len(ended):
        parts.append(f"{missing} not started")
    lines = [f"sweep    {total} run{'s' if total > 1 else ''}: {', '.join(parts)}"]
    for run, outcome in sorted(ended, key=lambda pair: WORDS.index(pair[1].word)):
        why = f": {outcome.why}" if outcome.why else ""
        lines.append(f"  {outcome.word:<9} {run.name}{run.took}{why}")
    if again and (missing or counts["failed"] or counts["stopped"]):
        lines.append(f"  {again}")
    return "\n".join(lines)
