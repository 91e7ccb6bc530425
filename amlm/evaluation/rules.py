"""What differs between the years of the BabyLM evaluation, as one table: `RULES`.

Nothing else in this room asks for a year. Sources: the challenge's pipelines
`babylm/evaluation-pipeline-2025` and `babylm-org/babylm-eval` (commit 6f825c2, 2026) and the
leaderboard's server; see ``notes.md`` for the differences in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amlm.evaluation.zero_shot import items

Columns = Mapping[str, float | None]  # of the leaderboard, in per cent; None if it is missing


@dataclass(frozen=True)
class Task:
    """A zero-shot task.

    Attributes:
        official: its name in the official pipeline and in result folders.
        paths: by suite, the required files relative to the data folder; the first is the main one.
        reader: reads a line of a ranking task; None for other tasks.
        mean_of: prefixes of groups whose means are averaged; empty for the mean over all groups.
        per_token: whether the score of a candidate is divided by its number of scored tokens.
        keyed: whether each item has a key of its own in official files, not that of its group.
        key: the task's name in the submission file, if it is another than here.
    """

    official: str
    paths: Mapping[str, tuple[str, ...]]
    reader: items.Reader | None = None
    mean_of: tuple[str, ...] = ()
    per_token: bool = False
    keyed: bool = False
    key: str | None = None


@dataclass(frozen=True)
class Acquisition:
    """How a model's age of acquisition is read off a word's surprisals, and correlated.

    Attributes:
        averaged: fits one point per checkpoint, the mean over contexts; else one per context.
        chance: surprisal of chance, or None for ln(vocabulary size) per token of the word.
        bounded: whether the fit is bounded.
        evaluations: maximum number of function evaluations of a fit.
        flat: the least slope and height of a curve that counts.
        highest_p: the correlation counts as 0 if its p-value is higher.
    """

    averaged: bool
    chance: float | None
    bounded: bool
    evaluations: int
    flat: float
    highest_p: float


@dataclass(frozen=True)
class Rules:
    """The rules of a year.

    Attributes:
        year: its name.
        tasks: the zero-shot tasks by name.
        data: where their files come from.
        ties: of several candidates with the highest score the ``first`` is chosen, which is
            correct, or one is ``drawn``. With ``drawn``, NaN counts as the lowest score.
        pooling: the token that is classified in fine-tuning, ``first`` or ``last``.
        acquisition: see `Acquisition`.
        aoa_by_client: whether the score of that task is submitted, besides the surprisals.
        columns: the leaderboard's columns, each the mean of the official scores of these tasks.
        nlp, human: the columns of the two means. Overall is the mean of both together.
    """

    year: str
    tasks: Mapping[str, Task]
    data: str
    ties: str
    pooling: str
    acquisition: Acquisition
    aoa_by_client: bool
    columns: Mapping[str, tuple[str, ...]]
    nlp: tuple[str, ...]
    human: tuple[str, ...]


def _both(*paths: str) -> dict[str, tuple[str, ...]]:
    return {"fast": paths, "full": paths}


def _two(fast: str, full: str) -> dict[str, tuple[str, ...]]:
    return {"fast": (fast,), "full": (full,)}


SAMPLE = Task("sample", _both())
BLIMP = Task("blimp", _two("blimp_fast", "blimp_filtered"), items.blimp)
SUPPLEMENT = Task(
    "blimp",
    _two("supplement_fast", "supplement_filtered"),
    items.supplement,
    key="blimp_supplement",
)
EWOK = _two("ewok_fast", "ewok_filtered")
ENTITIES = _two("entity_tracking_fast", "entity_tracking")
COMPS = Task("comps", {"full": ("comps",)}, items.comps)
READING = Task("reading", _both("reading/reading_data.csv"))


def _piqa(name: str, solutions: int) -> Task:
    reader = items.global_piqa(name, solutions)
    return Task(name, _both(name), reader, per_token=True, keyed=True)


EWOK_SOURCE = (
    "EWoK's sentences come from ewok-core/ewok-core-1.0 on the Hugging Face Hub, after accepting "
    "its terms, and must not be redistributed in plain text"
)
COLUMNS = {
    "BLiMP": ("blimp",),
    "supp.": ("supplement",),
    "EWoK": ("ewok",),
    "entity": ("entity_tracking",),
    "COMPS": ("comps",),
    "GLUE": ("glue",),
}

_YEARS = (
    Rules(
        year="2026",
        tasks={
            "sample": SAMPLE,
            "blimp": BLIMP,
            "supplement": SUPPLEMENT,
            "ewok": Task("ewok", EWOK, items.ewok_contexts),
            "entity_tracking": Task(
                "entity_tracking",
                ENTITIES,
                items.entity_tracking_without_nothing,
                key="entity_tracking_filtered",
            ),
            "comps": COMPS,
            "global_piqa_parallel": _piqa("global_piqa_parallel", 4),
            "global_piqa_nonparallel": _piqa("global_piqa_nonparallel", 2),
            "reading": READING,
            "aoa": Task("AoA_word", {"full": ("aoa/cdi_childes.json", "aoa/cdi_human.csv")}),
        },
        data=(
            "`python -m amlm.data download what=eval_2026 out=<folder>` fetches the BabyLM 2026 "
            "evaluation data: the data set BabyLM-community/BabyLM-2026-Strict-Evals of the "
            "Hugging Face Hub; GlobalPIQA from mrlbenchmarks/"
            "global-piqa-parallel and -nonparallel (eng_latn, split test, one JSON object a line "
            f"in eng_latn.jsonl); {EWOK_SOURCE}"
        ),
        ties="drawn",
        pooling="last",
        acquisition=Acquisition(
            averaged=True,
            chance=None,
            bounded=True,
            evaluations=20_000,
            flat=1e-6,
            highest_p=0.1,
        ),
        aoa_by_client=True,
        columns={
            **COLUMNS,
            "PIQA": ("global_piqa_parallel", "global_piqa_nonparallel"),
            "reading": ("reading",),
            "AoA": ("aoa",),
        },
        nlp=(*COLUMNS, "PIQA"),
        human=("reading", "AoA"),
    ),
    Rules(
        year="2025",
        tasks={
            "sample": SAMPLE,
            "blimp": BLIMP,
            "supplement": SUPPLEMENT,
            "ewok": Task("ewok", EWOK, items.ewok_targets),
            "entity_tracking": Task(
                "entity_tracking",
                ENTITIES,
                items.entity_tracking,
                mean_of=("regular", "ambiref", "move_contents"),
            ),
            "wug_adj": Task("wug_adj", _both("wug_adj_nominalization"), items.wug("wug_adj")),
            "wug_past": Task("wug_past", _both("wug_past_tense"), items.wug("wug_past")),
            "comps": COMPS,
            "reading": READING,
            "aoa": Task(
                "AoA_word", {"full": ("cdi_childes/cdi_childes.json", "aoa/cdi_human.csv")}
            ),
        },
        data=(
            "The BabyLM 2025 evaluation data are in the folder 'evaluation_data' of the OSF "
            f"project ryjfm (https://osf.io/ryjfm); {EWOK_SOURCE}"
        ),
        ties="first",
        pooling="first",
        acquisition=Acquisition(
            averaged=False,
            chance=18.194602975157967,  # log2(300,000): bits, though surprisals are in nats
            bounded=False,
            evaluations=1_000,
            flat=0.0,
            highest_p=1.0,
        ),
        aoa_by_client=False,
        columns={
            **COLUMNS,
            "WUG adj.": ("wug_adj",),
            "WUG past": ("wug_past",),
            "reading": ("reading",),
            "AoA": ("aoa",),
        },
        nlp=tuple(COLUMNS),
        human=(),  # which columns its human-likeness averages was not published with the pipeline
    ),
)
RULES = {rules.year: rules for rules in _YEARS}  # the first are the default
# Tasks of any year, in the order of their reports.
TASK_NAMES = tuple(dict.fromkeys(name for rules in RULES.values() for name in rules.tasks))
DEFAULT = next(iter(RULES))
