"""Measures our training step against a plain Hugging Face one: ``python -m amlm.bench suite=cpu``.

Both take steps in turn in one process. Made-up text is tokenised once and kept in the cache.
"""

from __future__ import annotations

import sys
from pathlib import Path

from amlm import commands
from amlm.benchmark.options import Options, cases


def bench(options: Options) -> None:
    """Measures, prints a table and writes ``options.json`` if given."""
    from amlm.benchmark import report
    from amlm.benchmark.measure import measure, quiet
    from amlm.benchmark.stretch import stretch

    shapes = cases(options)
    quiet(options)
    results = {}
    for shape in shapes:
        print(f"{shape.name} ...", flush=True)  # noqa: T201
        results[shape.name] = measure(shape)
    if options.suite == "gpu":
        print("a stretch of the run ...", flush=True)  # noqa: T201
        results["the run"] = stretch(shapes[0])
    print(f"\n{report.table(results)}\n\n{report.NOTES}")  # noqa: T201
    if options.json is not None:
        report.write_json(Path(options.json), shapes[0], results)


def main() -> None:
    """The command line."""
    about = "Measures our training step against a plain Hugging Face one."
    commands.run("amlm.bench", about, Options, bench, sys.argv[1:])


if __name__ == "__main__":
    main()
