"""Prepares data: ``python -m amlm.data <command>``."""

from __future__ import annotations

import sys

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
