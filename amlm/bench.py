"""Measures our training step against a plain Hugging Face one: ``python -m amlm.bench suite=cpu``.

Both take steps in turn in one process; ``suite=evaluation`` does so with zero-shot scores. Made-up
text is tokenised once and kept in the cache.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from amlm.benchmark.bench_options import Options, cases
from amlm.config.command import Command
from amlm.config.command_line import run


def bench(options: Options) -> None:
    """Measures, prints a table and writes ``options.json`` if given, after every shape too."""
    import torch

    from amlm.benchmark import report_text as report
    from amlm.benchmark.measure import measure
    from amlm.benchmark.scoring_speed import measure_scoring
    from amlm.util.files import write_json
    from amlm.util.terminal import quiet_lightning, say

    shapes = cases(options)
    quiet_lightning()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.suite == "gpu":
        from amlm.benchmark.gpu_parts import measure_gpu

        measure_gpu(options)
        return
    results: dict[str, Any] = {}

    def keep() -> None:
        if options.json is not None:
            write_json(Path(options.json), report.content(options, results), indent=1)

    for shape in shapes:
        say(f"{shape.name} ...")
        results[shape.name] = measure(shape)
        keep()
    if options.suite == "evaluation":
        results |= measure_scoring(options)
    notes = report.SCORING_NOTES if options.suite == "evaluation" else report.NOTES
    say(f"\n{report.format_results(results)}\n\n{notes}")
    keep()


COMMAND = Command(
    "amlm.bench", "Measures our training step against a plain Hugging Face one.", Options, bench
)


if __name__ == "__main__":
    run(COMMAND, sys.argv[1:])
