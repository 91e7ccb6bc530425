"""Processes forked from a server that has imported torch and ours: a start takes a fraction of a
second, where a new interpreter takes seconds of a processor to import them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from amlm.config.schema import Config
from tests import composed_once

MODULES = (
    *("amlm.training.run", "amlm.evaluate", "hydra.main"),
    "transformers.models.deberta_v2.modeling_deberta_v2",
)


@cache
def _server() -> multiprocessing.context.ForkServerContext:
    """The server of this process, which has one: a sweep of another test may have started it
    without our modules, and each process would import them anew."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([*MODULES])
    return server


def start(
    function: Callable[..., object],
    *arguments: Any,
    output: Path,
    environment: Mapping[str, str] | None = None,
) -> BaseProcess:
    """Starts a process that calls a function of a module.

    Args:
        function: called with the arguments.
        output: the file to which standard output and error are appended.
        environment: variables to add.
    """
    given = (function, arguments, output, dict(environment or {}))
    process = _server().Process(target=_child, args=given)
    process.start()
    return process


def _child(
    function: Callable[..., object], arguments: Any, output: Path, environment: dict[str, str]
) -> None:
    gc.freeze()  # what the server has imported stays: to search it for garbage copies its pages
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.update(environment)
    torch.set_num_threads(1)
    function(*arguments)


def status(process: BaseProcess) -> int:
    """The exit status of a process when it has ended; negative if a signal ended it."""
    process.join(300)
    assert process.exitcode is not None, "the process hangs"
    return process.exitcode


def train_composed(config: Config) -> None:
    """What ``python -m amlm.train`` does with the options that it has composed, which takes half of
    the time of a tiny run."""
    from amlm.train import train
    from amlm.util.terminal import report_errors

    with report_errors():
        train(config)


def train(overrides: Sequence[str]) -> None:
    """What ``python -m amlm.train`` does, in this process.

    Hydra is kept from pointing the logging of the process at its own output.
    """
    from amlm.train import main

    composed_once.install()
    sys.argv = ["amlm.train", "hydra/job_logging=none", "hydra/hydra_logging=none", *overrides]
    main()
