"""Work on data: ``python -m amlm.data <command>``."""

from __future__ import annotations

import sys

from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.terminal import fail, say

COMMANDS = {
    "prepare": "build the tokenised text of a run's options and say what is in it",
    "inspect": "show what an earlier `prepare` or run has built",
    "download": "fetch BabyLM text and evaluation data",
    "triplets": "make triplets from sentences or from the built-in grammar",
    "synthesize": "let a language model complete the beginnings of sentences",
}


def main() -> None:
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        lines = [f"  {each:12}{about}" for each, about in COMMANDS.items()]
        usage = "python -m amlm.data <command> option=value ...   (--help after a command)"
        say("\n".join([usage, "", *lines]))
    elif name not in COMMANDS:
        known = ", ".join(COMMANDS)
        fail(InputError(f"{name!r} is not a command{nearest(name, COMMANDS)}: one of {known}"))
    elif name in ("prepare", "inspect"):
        _work_on_store(name, arguments)
    elif name == "download":
        from amlm.text.downloads import download

        download.main(arguments)
    elif name == "triplets":
        from amlm.text.synthetic import make_triplets

        make_triplets.main(arguments)
    else:
        from amlm.text.synthetic import synthesize

        synthesize.main(arguments)


def _work_on_store(name: str, arguments: list[str]) -> None:
    from amlm.config.command import Command
    from amlm.config.command_line import run
    from amlm.config.schema import Config
    from amlm.training.check_run import check_run

    def task(config: Config) -> None:
        from amlm.store import prepare

        getattr(prepare, name)(config)

    about = COMMANDS[name][0].upper() + COMMANDS[name][1:] + "."
    run(Command(f"amlm.data {name}", about, Config, task, check_run), arguments)


if __name__ == "__main__":
    main()
