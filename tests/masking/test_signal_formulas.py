"""50 updates of each signal and control beyond the paper through MaskingPolicy against formulas
transcribed in plain Python, one type at a time; what a signal's first table is; files of tables."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from amlm.masking import controls
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Systematic
from amlm.masking.schedule import Constant, Linear
from amlm.masking.signals import Context, Predictions, Signal
from amlm.masking.signals.entropy import Entropy
from amlm.masking.signals.frequency import Frequency
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.inverse_frequency import InverseFrequency
from amlm.masking.signals.morph import Morph
from amlm.masking.signals.pos import Pos
from amlm.masking.signals.table import Table
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.util.errors import InputError
from amlm.util.seeds import derived_seed

TAGS = """the determiner, The determiner, a determiner, of preposition, in preposition, go verb,
goes verb, dog noun, dogs noun, walk noun, walked verb, walking verb, slowly adverb, red adjective,
7 number, . punctuation, ing continuation, ed continuation, s continuation"""
CLASSES = dict(pair.split() for pair in TAGS.split(","))
WORDS = list(CLASSES)
SURFACES: list[str | None] = [None] * 6 + [
    word if word in ("ing", "ed", "s", ".") else f"▁{word}" for word in WORDS
]
V, WINDOWS, EVERY = len(SURFACES), 50, 20
TOTAL = WINDOWS * EVERY
COUNTS = [0, 900, 900, 0, 0, 3] + [round(500 / (1 + rank) ** 1.3) for rank in range(len(WORDS))]
FIXED = [(v % 5) / 2 for v in range(V)]


def context() -> Context:
    return Context(torch.tensor(COUNTS), SURFACES, TOTAL, 0, lambda ids: ids, 1)


def policy(signal: Signal, **changes: Any) -> MaskingPolicy:
    options: dict[str, Any] = {
        "signal": signal,
        "schedule": Linear(0.40, 0.15),
        "sampler": Systematic(),
        "replacement": Replacement(),
        "special": SpecialIds(),
        "context": context(),
    }
    return MaskingPolicy(V, TOTAL, **options | changes)


def window(seed: int) -> list[Predictions]:
    """Batches of a window; some types are rare, some slots are not valid."""
    rng = np.random.default_rng(seed)
    shares = (np.array(COUNTS) + 1.0) / (np.array(COUNTS) + 1.0).sum()
    batches = []
    for size in rng.integers(1, 300, size=0 if seed % 9 == 4 else rng.integers(1, 4)):
        labels = rng.choice(V, size=size, p=shares)
        hard = (labels * 7 % 10) / 10
        batches.append(
            Predictions(
                labels_M=torch.from_numpy(labels),
                correct_M=torch.from_numpy(rng.random(size) >= hard),
                nll_M=torch.from_numpy(rng.exponential(6 * hard + 0.1).astype(np.float32)),
                shows_mask_M=torch.from_numpy(rng.random(size) < 0.8),
                valid_M=torch.from_numpy(rng.random(size) < 0.9),
                entropy_M=torch.from_numpy((rng.random(size) * 3 * hard).astype(np.float32)),
            )
        )
    return batches


class Literal:
    """``w~`` as a share of p, from the batches of a window, one type at a time."""

    def __init__(self) -> None:
        self.batches: list[Predictions] = []

    def rows(self, name: str, masked: bool) -> dict[int, list[float]]:
        found = defaultdict(list)
        for batch in self.batches:
            for m, v in enumerate(batch.labels_M.tolist()):
                if batch.valid_M[m] and (not masked or batch.shows_mask_M[m]):
                    found[v].append(float(getattr(batch, name)[m]))
        return found

    def frequency(self, step: int) -> list[float]:
        counts = [0 if v in {0, 1, 2, 4} else COUNTS[v] for v in range(V)]  # of what is masked
        distinct = sorted(set(counts), reverse=True)  # the most frequent first
        power = 0.02 * step / TOTAL
        return [(distinct.index(counts[v]) / (len(distinct) - 1)) ** power for v in range(V)]

    def inverse_frequency(self, step: int) -> list[float]:
        raw = [1 / math.sqrt(max(COUNTS[v], 10)) for v in range(V)]
        return [each * V / sum(raw) for each in raw]

    def entropy(self, step: int) -> list[float]:
        seen = self.rows("entropy_M", masked=True)
        mean = [(sum(seen[v]) + math.log(V)) / (len(seen[v]) + 1) for v in range(V)]
        low, high = min(mean), max(mean)
        return [0.5 if high == low else (each - low) / (high - low) for each in mean]

    def morph(self, step: int) -> list[float]:
        seen = self.rows("correct_M", masked=False)

        def parts(surface: str) -> set[str]:
            text = surface + "\n"
            return {text} if len(text) < 3 else {text[i : i + 3] for i in range(len(text) - 2)}

        right: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for v, surface in enumerate(SURFACES):
            for part in parts(surface) if surface is not None else ():
                right[part] += int(sum(seen[v]))
                wrong[part] += len(seen[v]) - int(sum(seen[v]))
        result = []
        for v, surface in enumerate(SURFACES):
            if surface is None:
                result.append((len(seen[v]) - sum(seen[v]) + 0.5) / (len(seen[v]) + 1))
            else:
                rates = [(wrong[x] + 0.5) / (wrong[x] + right[x] + 1) for x in parts(surface)]
                result.append(sum(rates) / len(rates))
        return result

    def pos(self, step: int) -> list[float]:
        seen = self.rows("nll_M", masked=True)
        tags = ["byte"] * 6 + [CLASSES[word] for word in WORDS]
        losses: dict[str, list[float]] = {tag: [math.log(V)] for tag in tags}
        for v, tag in enumerate(tags):
            losses[tag] += seen[v]
        raw = [sum(losses[tag]) / len(losses[tag]) for tag in tags]
        return [each * V / sum(raw) for each in raw]

    def table(self, step: int) -> list[float]:
        return [each * V / sum(FIXED) for each in FIXED]


def updated(w: list[float], target: list[float], p: float, smoothing: float) -> list[float]:
    mixed = [max(smoothing * a + (1 - smoothing) * p * b, 0.005) for a, b in zip(w, target)]  # noqa: B905
    return [each * p * V / sum(mixed) for each in mixed]


@pytest.fixture
def fixed(tmp_path: Path) -> str:
    path = tmp_path / "fixed.npy"
    np.save(path, np.array(FIXED))
    return str(path)


def make(name: str, fixed: str) -> Signal:
    signals: dict[str, Callable[[], Signal]] = {
        "frequency": Frequency,
        "inverse_frequency": InverseFrequency,
        "entropy": Entropy,
        "morph": Morph,
        "pos": Pos,
        "table": lambda: Table(fixed),
    }
    return signals[name]()


@pytest.mark.parametrize(
    "name", ["frequency", "inverse_frequency", "entropy", "morph", "pos", "table"]
)
def test_50_updates_equal_the_formulas(name: str, fixed: str) -> None:
    ours, literal = policy(make(name, fixed)), Literal()
    target = getattr(literal, name)
    w = [0.40] * V
    if name != "entropy":  # the others know the vocabulary before the first step
        w = updated(w, target(0), 0.40, smoothing=0)
    np.testing.assert_allclose(ours.table_V.double().numpy(), w, rtol=1e-6)
    moved = 0.0
    for t in range(1, WINDOWS + 1):
        literal.batches = window(t)
        for batch in literal.batches:
            ours.observe(batch)
        p = 0.40 - 0.25 * t / WINDOWS
        before, w = w, updated(w, target(t * EVERY), p, smoothing=0.2)
        ours.update(t * EVERY)
        np.testing.assert_allclose(ours.table_V.double().numpy(), w, rtol=2e-6)
        moved = max(moved, max(abs(a / b / (0.4 / p) - 1) for a, b in zip(before, w, strict=True)))
    assert max(w) / min(w) > 1.2  # frequency: the most frequent type falls to the floor
    assert moved > 1e-3


def test_the_first_table_of_a_prepared_signal_is_made_from_empty_statistics(fixed: str) -> None:
    assert policy(Hard()).table_V.tolist() == pytest.approx([0.40] * V)
    assert policy(Frequency()).table_V.tolist() == pytest.approx([0.40] * V)  # power 0
    table_V = policy(Table(fixed)).table_V
    assert torch.equal(table_V, policy(Table(fixed)).first_V)
    assert table_V[9] / table_V[6] == pytest.approx(FIXED[9] / FIXED[6], rel=1e-6)


def test_a_fixed_table_keeps_its_proportions() -> None:
    ours = policy(InverseFrequency())
    first = ours.table_V.clone()
    for t in range(1, 9):
        ours.update(t * EVERY)
    torch.testing.assert_close(ours.table_V / ours.ratio(8 * EVERY), first / 0.40)


def test_rare_types_borrow_from_frequent_ones_with_the_same_trigrams() -> None:
    signal = Morph()
    signal.prepare(context())
    walk, walked, walking = (SURFACES.index(f"▁{form}") for form in ("walk", "walked", "walking"))
    labels = torch.full((40,), walk)
    yes = torch.ones(40, dtype=torch.bool)
    statistics = {name: torch.zeros(V, dtype=torch.int64) for name in signal.counters()}
    signal.observe(statistics, Predictions(labels, yes, torch.zeros(40), yes, yes))
    score_V = signal.score(statistics)
    assert score_V[walk] > score_V[walked] > score_V[walking] > 0.5
    assert score_V[SURFACES.index("▁red")] == 0.5


# --- files of tables ---


def test_a_table_is_read_from_every_kind_of_file(tmp_path: Path, fixed: str) -> None:
    values = np.array(FIXED, dtype=np.float32)
    save_file({"table": values}, tmp_path / "t.safetensors")
    named = [(s, FIXED[v]) for v, s in enumerate(SURFACES) if s is not None]
    lines = "".join(f"{surface}\t{weight}\n" for surface, weight in reversed(named))
    (tmp_path / "t.tsv").write_text(lines, encoding="utf-8")
    expected = policy(Table(fixed)).table_V
    torch.testing.assert_close(policy(Table(str(tmp_path / "t.safetensors"))).table_V, expected)
    by_name = Table(str(tmp_path / "t.tsv"))
    by_name.prepare(context())
    mean = sum(weight for _, weight in named) / len(named)
    assert by_name.weight_V.tolist() == pytest.approx([mean] * 6 + FIXED[6:])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.tsv", "▁the 3\n", r"^\S*/t.tsv, line 1: .*not a surface form, a tab and a number: "
         r"correct"),
        ("t.tsv", "▁zebra\t3\n", r"another vocabulary.*19 types have no line .*1 lines name no typ"
         r"e \(▁zebra\).*tokenizer.path"),
        ("t.npy", np.ones(V + 1), r"t.npy has shape \(26,\), and this run 25 types: use the token"),
        ("t.npy", np.full(V, np.nan), r"t.npy: weights must be finite.*correct the file"),
        ("t.npy", -np.ones(V), r"t.npy: weights must be .*at least 0.*correct the file"),
        ("t.npy", "", r"t.npy cannot be read as a masking table .*folder of a finished run, or a"),
        ("t.npy", np.array(["a"] * V), r"t.npy cannot be read as a masking table .*folder of a"),
        ("t.npz", {}, r"t.npz cannot be read as a masking table \(an archive of arrays\).* or a"),
        ("t.safetensors", "text", r"t.safetensors cannot be read as a masking table .*folder of"),
        ("t.npy", "text", r"t.npy cannot be read as a masking table .*folder of a finished run"),
        ("t.safetensors", {"w": np.ones(V)}, r"cannot be read as a masking table .*table"),
        ("run/log.jsonl", "", r"run is not the folder of a finished run.*let that run finish"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_refused(
    name: str, content: Any, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, table=np.ones(V))
    elif isinstance(content, dict):
        save_file(content, path)
    else:
        np.save(path, content)
    given = path.parent if name.startswith("run/") else path
    with pytest.raises(InputError, match=words):
        policy(Table(str(given)))
    with pytest.raises(InputError, match=r"no/such does not exist: give a run folder or a file"):
        policy(Table("no/such"))


# --- controls ---


def bins() -> list[list[int]]:
    """Maskable types by count: 0, 1-2, 3-6, 7-14 ..."""
    found = defaultdict(list)
    for v in range(V):
        if v == 3 or v > 4:
            found[(COUNTS[v] + 1).bit_length()].append(v)
    return list(found.values())


def test_frequency_bins_double_in_width_and_hold_no_special_types() -> None:
    maskable_V = torch.ones(V, dtype=torch.bool)
    maskable_V[[0, 1, 2, 4]] = False
    bins_V = controls.frequency_bins(torch.tensor(COUNTS), maskable_V)
    ours = [(bins_V == k).nonzero().squeeze(1).tolist() for k in range(int(bins_V.max()) + 1)]
    assert ours[0] == [0, 1, 2, 4]
    assert sorted(ours[1:]) == sorted(bins())
    assert max(map(len, bins())) > 4


@pytest.mark.parametrize("control", controls.CHANGING)
def test_50_updates_of_a_control_equal_its_definition(control: str) -> None:
    plain, ours = policy(Hard()), policy(Hard(), control=control, seed=5)
    differs = 0
    for t in range(1, WINDOWS + 1):
        for batch in window(t):
            plain.observe(batch)
            ours.observe(batch)
        plain.update(t * EVERY)
        ours.update(t * EVERY)
        assert torch.equal(ours.adaptive_V, plain.table_V)  # the run's own adaptive table
        mine, theirs = ours.table_V.tolist(), plain.table_V.tolist()
        for members in bins():
            values = [theirs[v] for v in members]
            got = [mine[v] for v in members]
            if control == "shuffled":
                assert sorted(got) == sorted(values)
                differs += got != values
            else:
                assert got == pytest.approx([sum(values) / len(values)] * len(values), rel=1e-6)
    assert control != "shuffled" or differs > 2 * WINDOWS


def test_a_shuffle_depends_on_seed_and_step_alone() -> None:
    bins_V = torch.tensor([0, 1, 1, 1, 1, 1, 1, 1, 2])
    table_V = torch.arange(9.0)

    def draw(step: int, seed: int = 0) -> list[float]:
        generator = torch.Generator().manual_seed(derived_seed(seed, "shuffled", step))
        return controls.shuffled(table_V, bins_V, generator).tolist()

    assert draw(1) == draw(1) and draw(1)[0] == 0 and draw(1)[8] == 8
    assert len({tuple(draw(step)) for step in range(20)}) > 15
    first = Counter(draw(step)[1] for step in range(2_000))
    assert set(first) == {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0}
    assert all(abs(n - 2_000 / 7) < 6 * math.sqrt(2_000 / 7) for n in first.values())


def test_loss_weighting_masks_uniformly_and_weighs_labels_with_mean_one() -> None:
    ids_GL = torch.randint(5, V, (8, 30), generator=torch.Generator().manual_seed(0))
    ours = policy(Hard(), control="loss_weighting", schedule=Constant(0.3))
    ours.table_V.copy_(torch.linspace(0.05, 1, V))
    uniform = policy(Hard(), schedule=Constant(0.3))
    drawn = ours.corrupt(ids_GL, 3)
    assert torch.equal(drawn.selected_GL, uniform.corrupt(ids_GL, 3).selected_GL)
    found, weights = [], []
    for rows in (slice(0, 3), slice(3, 8)):
        masked = ours.rows(ids_GL, drawn, rows, [30] * (rows.stop - rows.start), 3)
        weight_M = ours.loss_weights(ids_GL, drawn, masked)[masked.valid_M]
        found += masked.labels_M[masked.valid_M].tolist()
        weights += weight_M.tolist()
    mean = sum(float(ours.table_V[v]) for v in found) / len(found)
    assert weights == pytest.approx([float(ours.table_V[v]) / mean for v in found], rel=1e-5)
    assert sum(weights) / len(weights) == pytest.approx(1, rel=1e-5)
