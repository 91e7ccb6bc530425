"""The benchmark: its count of operations against those of a real step, its command on a tiny model,
and the options that it refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo import config as dynamo_settings
from torch.utils._python_dispatch import TorchDispatchMode

from amlm.bench import bench
from amlm.benchmark import measure, scoring_speed, synthetic_text
from amlm.benchmark.bench_options import Options, cases, configuration
from amlm.benchmark.report_text import format_results, machine
from amlm.benchmark.run_speed import measure_run
from amlm.benchmark.steps import BATCHES, OurStep
from amlm.benchmark.timing import Spread, run_interleaved
from amlm.models.build import build_model, save_hugging_face
from amlm.models.cost import step_operations
from amlm.tokenizers.bpe import save_tokenizer
from amlm.util.errors import InputError

TINY = Options(
    scale="small",
    layers=2,
    hidden_size=32,
    heads=2,
    intermediate_size=64,
    vocab_size=400,
    length=16,
    tokens=128,
    rounds=2,
    device="cpu",
    memory=False,
)


@pytest.fixture(autouse=True)
def little_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_text, "WORDS", 4_000)


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts two operations per multiplication in matrix products."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__.rstrip("_")
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            left, right = args[-2:]
            self.count += 2 * left.numel() * right.size(-1)
        if name == "_linear_pointwise":
            self.count += 2 * args[0].numel() * len(args[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("length", [16, 300])
def test_step_operations_equal_those_of_a_real_step(length: int) -> None:
    model = build_model(configuration(TINY).model, 400, None, 0)
    ids_BL = torch.randint(5, 400, (2, length))
    positions_M = torch.arange(0, 2 * length, 3)
    with Products() as products:  # type: ignore[no-untyped-call]
        model(ids_BL, positions_M=positions_M).logsumexp(-1).sum().backward()
    expected = step_operations(model, ids_BL.numel(), length, len(positions_M))
    # Each row of position scores has one column more than it reaches, in all three products of both
    # terms and layers.
    assert products.count == expected + 3 * 2 * (2 * 2) * ids_BL.numel() * model.config.hidden_size


def test_bench_writes_all_numbers(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    bench(dataclasses.replace(TINY, cache=str(tmp_path), json=str(path)))
    content = json.loads(path.read_text())
    (numbers,) = content["results"].values()
    for name in ("speedup", "useful_flops_share", "tokens_per_s", "masking_share", "nhot_overhead"):
        assert numbers[name]["low"] <= numbers[name]["median"] <= numbers[name]["high"]
        assert math.isfinite(numbers[name]["median"])
    assert 0 < numbers["optimizer_share"]["median"] < 1
    assert numbers["max_abs_diff"]["loss"] < 1e-5
    assert numbers["max_abs_diff"]["gradients_relative"] < 1e-5
    assert content["machine"]["torch"] == torch.__version__


def test_earlier_results_are_kept_if_a_later_shape_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(shape: Options) -> dict[str, float]:
        if shape.scale == "paper":
            raise RuntimeError
        return {"speedup": 3.0}

    monkeypatch.setattr(measure, "measure", fails)
    path = tmp_path / "numbers.json"
    with pytest.raises(RuntimeError):
        bench(Options(suite="cpu", json=str(path)))
    results = json.loads(path.read_text())["results"]
    assert results == {"small, 64 tokens a sequence": {"speedup": 3.0}}


def test_compilation_is_finished_before_timing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    options = dataclasses.replace(TINY, layers=1, compile="default", cache=str(tmp_path))
    torch.compiler.reset()
    ours = OurStep(options)
    assert len({sum(batch.maskable) for batch in ours.batches}) > 1  # numbers of labels differ too
    take = measure.step_timer(ours)
    with dynamo_settings.patch(error_on_recompile=True):
        for _ in range(BATCHES):
            take()


def test_batch_fetching_can_be_timed_beyond_the_end_of_the_run(tmp_path: Path) -> None:
    options = dataclasses.replace(TINY, cache=str(tmp_path))
    ours = OurStep(options, "trainer.max_steps=5")
    assert measure.measure_components(options, ours)["batch_fetch_share"].low > 0


def test_synthetic_text_has_the_requested_number_of_types(tmp_path: Path) -> None:
    config = configuration(dataclasses.replace(TINY, cache=str(tmp_path)))
    store = synthetic_text.synthetic_store(config)
    assert store.vocab_size == 400
    counts = store.type_counts("train")
    assert (counts > 0).mean() > 0.3 and counts.max() > 10 * counts.mean()


def test_a_missing_gpu_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for options in (Options(suite="gpu"), Options(device="gpu")):
        with pytest.raises(InputError, match="needs a GPU, but torch finds none: use suite=cpu"):
            cases(options)


def test_suites_have_their_own_shapes() -> None:
    assert [(c.scale, c.length) for c in cases(Options(suite="cpu", device="cpu"))] == [
        ("small", 64),
        ("paper", 64),
        ("paper", 256),
    ]
    with pytest.raises(InputError, match="length has no effect with suite=cpu"):
        cases(Options(suite="cpu", length=128))


@pytest.mark.parametrize(
    ("suite", "name", "value"),
    [
        ("none", "model", "runs/1"),
        ("cpu", "data_dir", "text"),
        ("cpu", "device", "gpu"),
        ("cpu", "minutes", 3.0),
        ("gpu", "compile", "default"),
        ("evaluation", "precision", "bf16-mixed"),
    ],
)
def test_an_option_without_effect_is_refused(
    suite: str, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InputError, match=f"{name} has no effect with suite={suite}"):
        cases(Options(suite=suite, **{name: value}))


def test_machine_describes_the_measured_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H100")
    found = {suite: machine(Options(suite=suite)) for suite in ("cpu", "gpu", "evaluation")}
    assert "CPU" in found["cpu"]["device"] and not found["cpu"]["bfloat16"]
    assert found["gpu"]["device"] == "H100" and found["gpu"]["bfloat16"]
    assert found["evaluation"]["device"] == "H100" and not found["evaluation"]["bfloat16"]


def test_run_interleaved_alternates_tasks_after_a_warm_up_round() -> None:
    calls: list[str] = []

    def task(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    results = run_interleaved({"a": lambda: task("a"), "b": lambda: task("b")}, 2, "")
    assert calls == ["a", "b"] * 3
    assert {name: found.tolist() for name, found in results.items()} == {
        "a": [3.0, 5.0],
        "b": [4.0, 6.0],
    }


def test_format_results_has_a_column_per_shape_and_a_row_per_number() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    one: dict[str, Any] = {"speedup": spread, "a": {"b": 1e9}}
    results = {"one": one, "two": {"speedup": 4.0}}
    lines = format_results(results).split("\n")
    assert lines[0].split() == ["one", "two"]
    assert lines[1].split() == ["speedup", "2.00", "(1.00", "to", "3.00)", "4.00"]
    assert lines[2].split() == ["a.b", "1e+09", "-"]
    assert format_results({"one": {"tokens_per_word": 1.347}}).split()[-1] == "1.35"


def test_measure_run_projects_the_time_of_half_of_the_whole_run(tmp_path: Path) -> None:
    options = dataclasses.replace(TINY, cache=str(tmp_path), length=256, tokens=512, steps=20)
    numbers = measure_run(options)
    seconds = 50e6 * numbers["tokens_per_word"] / numbers["run_tokens_per_s"]
    assert numbers["projected_minutes"] == pytest.approx(seconds / 60)
    folder = tmp_path / "text"
    folder.mkdir()
    for split, count in (("train", 900), ("dev", 300)):
        (folder / f"talk.{split}").write_text("a few words of quite another text .\n" * count)
    other = measure_run(dataclasses.replace(options, data_dir=str(folder)))
    assert other["tokens_per_word"] != numbers["tokens_per_word"]


def test_measure_scoring_compares_with_the_official_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_speed, "BATCH", 4)  # several batches, the last of 2 items
    config = configuration(dataclasses.replace(TINY, cache=str(tmp_path)))
    store = synthetic_text.synthetic_store(config)
    save_hugging_face(build_model(config.model, store.vocab_size, None, 0), tmp_path)
    save_tokenizer(store.tokenizer, tmp_path, 512)
    model = str(tmp_path)
    options = Options(suite="evaluation", model=model, device="cpu", items=6)
    numbers = scoring_speed.measure_scoring(options)["zero-shot scores, sample"]
    assert numbers["sentences"] == 3 * 12 and numbers["speedup"].low > 0
    assert numbers["speedup_cpu_time"].low > 0
    assert numbers["max_abs_diff"]["score"] < 1e-3
    with pytest.raises(InputError, match="needs model="):
        bench(Options(suite="evaluation", device="cpu"))
