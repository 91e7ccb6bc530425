"""Fine-tunes a model on (Super)GLUE: ``python -m amlm.evaluation.finetuning model=... ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from amlm import commands
from amlm.evaluation.finetuning.run import FinetuneOptions, finetune

ABOUT = "Fine-tunes a model on the (Super)GLUE tasks of the BabyLM 2025 evaluation and scores it."


def main(arguments: Sequence[str]) -> None:
    commands.run("amlm.evaluation.finetuning", ABOUT, FinetuneOptions, finetune, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
