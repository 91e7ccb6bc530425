"""Prepares data: ``python -m amlm.data <command>``."""

from __future__ import annotations

import sys
from importlib import import_module

from amlm.config.command import Command
from amlm.config.command_line import run
from amlm.config.schema import Config
from amlm.util.errors import InputError
from amlm.util.nearest import nearest
from amlm.util.terminal import fail, say, survive_encoding

COMMANDS = {
    "prepare": "tokenise the text of a run and show statistics",
    "inspect": "show statistics of text that `prepare` or a run has tokenised",
    "download": "fetch BabyLM text and evaluation data",
    "triplets": "generate triplets from sentences or the built-in grammar",
    "synthesize": "complete the beginnings of sentences with a language model",
}
MODULES = {  # imported late: each knows much that the others don't need
    "download": "amlm.text.downloads.download",
    "triplets": "amlm.text.synthetic.make_triplets",
    "synthesize": "amlm.text.synthetic.synthesize",
}


def main() -> None:
    survive_encoding()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        lines = [f"  {each:12}{about}" for each, about in COMMANDS.items()]
        usage = (
            "python -m amlm.data <command> option=value ...   (<command> --help shows its options)"
        )
        say("\n".join([usage, "", *lines]))
    elif name not in COMMANDS:
        known = ", ".join(COMMANDS)
        fail(
            InputError(f"{name!r} is not a command{nearest(name, COMMANDS)}: choose one of {known}")
        )
    elif name in MODULES:
        run(import_module(MODULES[name]).COMMAND, arguments)
    else:
        run(_on_store(name), arguments)


def _on_store(name: str) -> Command[Config]:
    from amlm.training.check_run import check_run

    def task(config: Config) -> None:
        from amlm.store import prepare

        getattr(prepare, name)(config)

    about = COMMANDS[name][0].upper() + COMMANDS[name][1:] + "."
    return Command(f"amlm.data {name}", about, Config, task, check_run)


if __name__ == "__main__":
    main()
