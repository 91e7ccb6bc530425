"""`suite=gpu` at toy sizes on a CPU: every part tells its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from amlm.bench import bench
from amlm.benchmark import synthetic_text, timing
from amlm.benchmark.bench_options import Options
from amlm.benchmark.gpu_parts import PARTS, VARIANTS, fastest
from amlm.benchmark.parts import read_lines
from amlm.models import fused_attention
from amlm.util.errors import InputError


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines of a whole walk."""
    folder = tmp_path_factory.mktemp("gpu")
    path = folder / "lines.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic_text, "WORDS", 20_000)
        patch.setattr(timing, "MATRIX_SIZE", 64)
        patch.setitem(fused_attention.LARGEST_TILE, torch.float32, 256)  # interpreted faster
        bench(
            Options(
                suite="gpu",
                device="cpu",
                rounds=1,
                items=2,
                dropout=0.0,  # slow in Triton's interpreter, and tested elsewhere
                cache=str(folder / "cache"),
                json=str(path),
            )
        )
    return read_lines(path)


def numbers(lines: list[dict[str, Any]], part: str, name: str) -> list[Any]:
    return [line[name] for line in lines if line["part"] == part and name in line]


def test_every_part_ends_without_an_error(lines: list[dict[str, Any]]) -> None:
    assert [line for line in lines if "failed" in line or "left_out" in line] == []
    assert [line["part"] for line in lines if "seconds" in line] == [part.name for part in PARTS]


def test_our_step_agrees_with_hugging_faces(lines: list[dict[str, Any]]) -> None:
    assert numbers(lines, "checks", "holds") == [True] * 4
    differences = numbers(lines, "checks", "max_abs_diff")
    assert all(found["loss"] < 1e-5 for found in differences[:2])
    assert numbers(lines, "fused, checks", "holds") == [True] * 2
    for part in ("checks", "fused, checks"):
        assert numbers(lines, part, "steps_without_waiting") == [4]


def test_each_implementation_of_the_step_is_timed_at_both_lengths(
    lines: list[dict[str, Any]],
) -> None:
    for part in VARIANTS:
        speeds = numbers(lines, part, "tokens_per_s")
        assert len(speeds) == 2 and all(speed["median"] > 0 for speed in speeds)
    assert len(numbers(lines, "eager", "speedup")) == 2


def test_the_run_projects_its_whole_time(lines: list[dict[str, Any]]) -> None:
    (minutes,) = numbers(lines, "run", "projected_minutes")
    tokens = 50e6 * numbers(lines, "run", "tokens_per_word")[0]
    speeds = numbers(lines, "run", "run_tokens_per_s")
    assert minutes == pytest.approx(sum(tokens / speed for speed in speeds) / 60)
    known = lines[: [line["part"] for line in lines].index("run")]  # when the run began
    assert numbers(lines, "run", "step") == [fastest(known)] * 2


def test_the_fastest_step_is_the_one_of_a_part_with_both_lengths() -> None:
    def line(part: str, speed: float) -> dict[str, Any]:
        return {"part": part, "tokens_per_s": {"median": speed}}

    assert fastest([]) == "eager"
    lines = [line("eager", 5.0), line("eager", 4.0), line("captured", 9.0)]
    assert fastest(lines) == "eager"
    assert fastest([*lines, line("captured", 8.0)]) == "captured"
    assert fastest([*lines, line("counters", 9.0), line("counters", 9.0)]) == "eager"


def test_parts_can_be_chosen_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    options = Options(suite="gpu", device="cpu", parts=["speed"])
    with pytest.raises(InputError, match="there is no 'speed'; the parts are machine, checks"):
        bench(options)


def test_compiling_is_possible_again_after_the_walk(lines: list[dict[str, Any]]) -> None:
    assert lines
    compiled: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    torch.compile(lambda x: x + 1, backend=backend)(torch.ones(2))
    assert compiled
