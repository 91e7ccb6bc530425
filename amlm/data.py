"""Work on data: ``python -m amlm.data <command>``."""

from __future__ import annotations

import sys

COMMANDS = {
    "prepare": "build the tokenised text of a run's options and say what is in it",
    "inspect": "show what an earlier `prepare` or run has built",
    "download": "fetch BabyLM text and evaluation data",
    "triplets": "make triplets from sentences or from the built-in grammar",
    "synthesize": "let a language model complete the beginnings of sentences",
}


def main() -> None:
    from amlm.util.errors import InputError
    from amlm.util.nearest import nearest
    from amlm.util.terminal import fail

    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        lines = [f"  {each:12}{about}" for each, about in COMMANDS.items()]
        usage = "python -m amlm.data <command> option=value ...   (--help after a command)"
        print("\n".join([usage, "", *lines]))  # noqa: T201
        return
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        fail(InputError(f"{name!r} is not a command{nearest(name, COMMANDS)}: one of {known}"))
    arguments = sys.argv[2:]
    if name in ("prepare", "inspect"):
        from amlm.config import command_line
        from amlm.store import prepare
        from amlm.training.checks import check_run

        sys.argv = [sys.argv[0], *arguments]
        command_line.run(f"amlm.data {name}", getattr(prepare, name), check_run)
    elif name == "download":
        from amlm.text.downloads import download

        download.main(arguments)
    elif name == "triplets":
        from amlm.text.synthetic import make_triplets

        make_triplets.main(arguments)
    else:
        from amlm.text.synthetic import synthesize

        synthesize.main(arguments)


if __name__ == "__main__":
    main()
