"""Streams the records of a dataset of the Hugging Face Hub.

A dataset is named ``owner/name[/config][@revision]``; a revision is a branch, tag or commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, NamedTuple

from amlm.text.readers.records import Cells, check_columns, rows, some, texts
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError
from amlm.util.hub import bound_waits, hub
from amlm.util.optional import optional

HUB = "hub:"
NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<config>[^/@\s]+))?(?:@(?P<revision>[^@\s]+))?")
COMMIT = re.compile("[0-9a-f]{40}")


class _Name(NamedTuple):
    repo: str
    config: str | None
    revision: str | None


def _parsed(name: str) -> _Name:
    if found := NAME.fullmatch(name):
        return _Name(found["repo"], found["config"], found["revision"])
    raise InputError(f"{HUB}{name} is not of the form {HUB}owner/name[/config][@revision]")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns whatever the libraries of the Hub raise into an `InputError` of one line."""
    from huggingface_hub import errors

    bound_waits()
    unreachable = (ConnectionError, errors.LocalEntryNotFoundError)
    try:
        yield
    except InputError:
        raise
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{HUB}{name}: the Hub has no such dataset, or it is private (hf auth login)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{HUB}{name}: the dataset has no such revision") from error
    except Exception as error:
        kinds = [cls.__name__ for cls in type(error).__mro__]
        # By name: the HTTP library depends on the version of huggingface_hub.
        if isinstance(error, unreachable) or "TransportError" in kinds:
            repo = _parsed(name).repo
            raise InputError(
                f"{HUB}{name}: can't reach the Hub ({kinds[0]}). Download the dataset on a "
                f"connected machine (hf download {repo} --repo-type dataset --local-dir FOLDER) "
                "and read its files"
            ) from error
        if getattr(error, "errno", None) in ENVIRONMENT_ERRNOS:
            raise
        why = shorten(str(error), 300, placeholder=" ...") or kinds[0]
        raise InputError(f"{HUB}{name}: {why}") from error


def hub_revision(name: str) -> str:
    """The commit that a dataset's name refers to: 40 hexadecimal digits.

    A name that contains a full commit needs no request to the Hub.

    Raises:
        InputError: the name is malformed, there is no such dataset or revision, or no connection.
    """
    repo, _, revision = _parsed(name)
    if revision and COMMIT.fullmatch(revision):
        return revision
    with _explained(name):
        return str(hub().dataset_info(repo, revision=revision).sha)


def _cells(name: str, split: str, columns: Sequence[str]) -> Cells:
    datasets = optional("datasets", f"{HUB}{name}: reading from the Hub")
    repo, config, revision = _parsed(name)
    with _explained(name):
        # Without the prefix, a local folder of that name would be read.
        stream: Any = datasets.load_dataset(
            f"hf://datasets/{repo}", config, split=split, revision=revision, streaming=True
        )
        for number, record in enumerate(stream, 1):
            if number == 1:
                check_columns(columns, list(record), f"{HUB}{name}, {split}")
            yield number, [record[column] for column in columns]


def read_hub(name: str, split: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yields the lines of one column, or the values of several columns of each record.

    See `amlm.text.readers.read_texts` and `amlm.text.readers.read_rows`.

    Raises:
        InputError: `datasets` is not installed, the name is malformed, there is no such dataset,
            configuration, revision, split or column, no connection, no text, or another type.
    """
    place = f"{HUB}{name}, {split}"
    cells = _cells(name, split, columns)
    if len(columns) == 1:
        return some(((line,) for line in texts(cells, columns[0], f"{place} row")), place)
    return some(rows(cells, columns, f"{place} row"), place)
