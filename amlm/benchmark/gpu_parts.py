"""What `suite=gpu` measures, in order of worth. Without a GPU the same code runs at toy sizes."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from amlm.benchmark.agreement import max_differences
from amlm.benchmark.bench_options import LONG, SHORT, Options, configuration
from amlm.benchmark.measure import (
    compare_steps,
    measure_components,
    operations_of,
    step_timer,
    time_masking,
)
from amlm.benchmark.parts import Lines, Part, read_lines, run_parts
from amlm.benchmark.report_text import machine
from amlm.benchmark.run_speed import measure_run
from amlm.benchmark.scoring_speed import measure_scoring
from amlm.benchmark.steps import BATCHES, OurStep, TheirStep
from amlm.benchmark.synthetic_text import synthetic_store
from amlm.benchmark.timing import Spread, matrix_rate, run_interleaved
from amlm.models.build import save_hugging_face
from amlm.tokenizers.bpe import save_tokenizer
from amlm.training.devices import compiles_runs
from amlm.util.errors import InputError

LENGTHS = (SHORT, LONG)
HARD = "masking/signal=hard"
# Largest differences from Hugging Face's step on the same weights and batch. In bfloat16 both
# deviate from the exact result, in different ways.
TOLERANCES = {
    "32": {"loss": 1e-5, "logits": 1e-3, "gradients_relative": 1e-3},
    "bf16-mixed": {"loss": 2e-2, "gradients_relative": 1e-1},
}
STEPS_WITHOUT_WAITING = 200
# Implementations of the step, by the part that measures them.
VARIANTS: dict[str, dict[str, Any]] = {
    "eager": {},
    "fused": {"attention": "triton"},
    "fused, captured": {"attention": "triton", "compile": "reduce-overhead"},
    "captured": {"compile": "reduce-overhead"},
    "compiled": {"compile": "default"},
}


def toy(options: Options) -> Options:
    """The options with toy sizes."""
    sizes: dict[str, Any] = {"layers": 1, "hidden_size": 32, "heads": 1, "intermediate_size": 64}
    return dataclasses.replace(
        options, scale="small", **sizes, vocab_size=400, tokens=LONG, steps=20
    )


def _our_step(options: Options, *more: str) -> OurStep:
    torch.compiler.reset()  # see `amlm.benchmark.measure.measure`
    return OurStep(options, *more)


def prepare(options: Options, lines: Lines) -> None:
    """Names the machine, and makes and encodes the text, which is then cached."""
    rates = {
        f"{name}_rate": matrix_rate(options.torch_device, dtype)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    lines.tell(**machine(options), **rates)
    lines.tell(types=synthetic_store(configuration(options)).vocab_size)


def check(options: Options, lines: Lines, attention: str) -> None:
    """Agreement with Hugging Face, and that no step waits for the GPU."""
    options = dataclasses.replace(options, attention=attention)
    for precision, tolerance in TOLERANCES.items():
        if attention == "triton" and precision != "32" and not options.on_gpu:
            continue  # Triton's interpreter multiplies the bits of bfloat16 numbers as integers
        for length in LENGTHS:
            step = _our_step(dataclasses.replace(options, length=length, precision=precision), HARD)
            found = max_differences(step, TheirStep(step))
            holds = all(found[name] < limit for name, limit in tolerance.items())
            lines.tell(precision=precision, length=length, holds=holds, max_abs_diff=found)
    step = _our_step(options, HARD)
    batches = step.data.train_dataloader()
    steps = STEPS_WITHOUT_WAITING if options.on_gpu else BATCHES
    for number, batch in zip(range(steps), batches, strict=False):
        with _waiting_is_an_error() if options.on_gpu and number > 1 else nullcontext():
            step.batches[0] = move_data_to_device(batch, options.torch_device)
            step.take(0)
    lines.tell(steps_without_waiting=steps)


@contextmanager
def _waiting_is_an_error() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _peak(task: Callable[[], object]) -> int | None:
    """Bytes of GPU memory by which a task exceeds what was in use before it, at its peak."""
    if not torch.cuda.is_available():
        task()
        return None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    task()
    return torch.cuda.max_memory_allocated() - before


def time_steps(options: Options, lines: Lines, *, rival: bool = False, **variant: Any) -> None:
    """Speed, memory and share of useful operations of one implementation, at both lengths.

    Args:
        rival: measure Hugging Face's step too, interleaved with ours.
    """
    for length in LENGTHS:
        shape = dataclasses.replace(options, length=length, **variant)
        steps: list[OurStep | TheirStep] = []

        def take_steps(step: OurStep | TheirStep, steps: Any = steps) -> None:
            steps.append(step)
            for number in range(2):  # the first creates the optimizer's state
                step.take(number)

        ours_peak = _peak(lambda shape=shape: take_steps(_our_step(shape, HARD)))  # type: ignore[misc]
        ours = steps[0]
        assert isinstance(ours, OurStep)
        lines.tell(length=length, peak_memory=ours_peak)
        operations = operations_of(ours)
        if rival:
            lines.tell(length=length, **compare_steps(shape, ours, operations))
            theirs = _peak(lambda ours=ours: take_steps(TheirStep(ours)))  # type: ignore[misc]
            lines.tell(length=length, peak_memory_hugging_face=theirs)
            continue
        rate = matrix_rate(shape.torch_device, torch.bfloat16 if shape.bfloat16 else torch.float32)
        times = run_interleaved({"ours": step_timer(ours)}, shape.rounds, shape.name)["ours"]
        lines.tell(
            length=length,
            tokens_per_s=Spread.of(ours.config.data.tokens_per_step / times),
            useful_flops_share=Spread.of(operations / (times * rate)),
        )


def fastest(lines: list[dict[str, Any]]) -> str:
    """The part with the fastest step over both lengths, of those that have both and that a run can
    use; else eager."""
    seconds: dict[str, list[float]] = {}
    for line in lines:
        variant = VARIANTS.get(line["part"])
        if "tokens_per_s" in line and variant is not None and _in_runs(variant):
            seconds.setdefault(line["part"], []).append(1 / line["tokens_per_s"]["median"])
    complete = {part: sum(each) for part, each in seconds.items() if len(each) == len(LENGTHS)}
    return min(complete, key=complete.__getitem__, default="eager")


def _in_runs(variant: dict[str, Any]) -> bool:
    return "compile" not in variant or compiles_runs()


def train(options: Options, lines: Lines) -> None:
    """A stretch of a real run at each length, with the fastest step, and the whole run's time."""
    best = fastest(read_lines(lines.path))
    minutes = []
    for length in LENGTHS:
        torch.compiler.reset()
        numbers = measure_run(dataclasses.replace(options, length=length, **VARIANTS[best]))
        minutes.append(numbers.pop("projected_minutes"))
        lines.tell(length=length, step=best, **numbers)
    lines.tell(projected_minutes=math.fsum(minutes))


def overheads(options: Options, lines: Lines) -> None:
    """What masking, n-hot embeddings, the optimizer and fetching a batch cost."""
    for length in LENGTHS:
        shape = dataclasses.replace(options, length=length)
        ours = _our_step(shape, HARD)
        lines.tell(length=length, **measure_components(shape, ours))


def evaluate(options: Options, lines: Lines) -> None:
    """Zero-shot scoring of an untrained model of the paper's shape."""
    step = _our_step(options)
    device = "gpu" if options.on_gpu else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        save_hugging_face(step.module.model, Path(folder))
        limit = step.config.model.max_positions
        save_tokenizer(step.data.training.store.tokenizer, Path(folder), limit)
        scoring = Options(
            suite="evaluation",
            model=folder,
            device=device,
            rounds=options.rounds,
            items=options.items,
        )
        for task, numbers in measure_scoring(scoring).items():
            lines.tell(task=task, **numbers)


def count(options: Options, lines: Lines) -> None:
    """The soft signal with exact counters and with the authors' in bfloat16."""
    for counters in ("exact", "bfloat16"):
        step = _our_step(options, "masking/signal=soft", f"masking.counters={counters}")
        times = run_interleaved(
            {"step": step_timer(step), "masking": partial(time_masking, step)},
            options.rounds,
            f"soft, {counters}",
        )
        tokens = step.config.data.tokens_per_step
        lines.tell(
            counters=counters,
            tokens_per_s=Spread.of(tokens / times["step"]),
            masking_share=Spread.of(times["masking"] / times["step"]),
        )


def _variant(name: str, seconds: float, **more: Any) -> Part:
    return Part(name, seconds, partial(time_steps, **VARIANTS[name], **more))


# Compiling takes most of the time of the parts that compile. The text is made once and then cached.
PARTS = (
    Part("machine", 240, prepare),
    Part("checks", 90, partial(check, attention="torch")),
    _variant("eager", 75, rival=True),
    _variant("captured", 150),
    Part("run", 150, train),
    Part("fused, checks", 60, partial(check, attention="triton")),
    _variant("fused", 60),
    _variant("fused, captured", 150),
    Part("overheads", 60, overheads),
    Part("evaluation", 60, evaluate),
    Part("counters", 45, count),
    _variant("compiled", 120),
    Part("hugging face, compiled", 150, partial(time_steps, rival=True, compile="default")),
)


def measure_gpu(options: Options) -> None:
    """Does the parts, on a CPU at toy sizes; writes ``options.json`` if given.

    Raises:
        InputError: there is no such part.
    """
    names = [part.name for part in PARTS]
    unknown = [name for name in options.parts if name not in names]
    if unknown:
        raise InputError(f"parts: there is no {unknown[0]!r}; the parts are {', '.join(names)}")
    chosen = [part for part in PARTS if not options.parts or part.name in options.parts]
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.json or Path(folder) / "lines.jsonl")
        if options.on_gpu:
            run_parts(chosen, options, path, seconds, alone=True)
            return
        with torch.compiler.set_stance("force_eager"):  # compiling would take most of the time
            run_parts(chosen, toy(options), path, seconds, alone=False)
