"""Records of a dataset of the Hugging Face Hub, streamed: nothing is downloaded ahead of its use.

A dataset is named ``owner/name``, ``owner/name/config``, and either with ``@revision`` (a branch,
tag or commit) at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, NamedTuple

from amlm.text.readers.records import Cells, check_columns, rows, some, texts
from amlm.text.readers.text_files import optional
from amlm.util.errors import ENVIRONMENT_ERRNOS, InputError

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
    """Says in one line what the libraries of the Hub raise, which may be anything."""
    from huggingface_hub import errors

    unreachable = (ConnectionError, errors.LocalEntryNotFoundError)
    try:
        yield
    except InputError:
        raise
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{HUB}{name}: the Hub has no such dataset, or none without access (hf auth login)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{HUB}{name}: the dataset has no such revision") from error
    except Exception as error:
        kinds = [cls.__name__ for cls in type(error).__mro__]
        # By name: which HTTP library it is of depends on the version of huggingface_hub.
        if isinstance(error, unreachable) or "TransportError" in kinds:
            repo = _parsed(name).repo
            raise InputError(
                f"{HUB}{name}: can't reach the Hub ({kinds[0]}). Download the dataset where there "
                f"is a connection (hf download {repo} --repo-type dataset --local-dir FOLDER) and "
                "read its files"
            ) from error
        if getattr(error, "errno", None) in ENVIRONMENT_ERRNOS:
            raise
        why = shorten(str(error), 300, placeholder=" ...") or kinds[0]
        raise InputError(f"{HUB}{name}: {why}") from error


def hub_revision(name: str) -> str:
    """The commit that a dataset's name stands for now: 40 hexadecimal digits.

    A full commit in the name is the answer, with no request to the Hub.

    Raises:
        InputError: another form of name, no such dataset or revision, no connection.
    """
    repo, _, revision = _parsed(name)
    if revision and COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi

    with _explained(name):
        return str(HfApi().dataset_info(repo, revision=revision).sha)


def hub_splits(name: str) -> list[str]:
    """The names of a dataset's splits.

    Raises:
        InputError: as `read_hub`.
    """
    datasets = optional("datasets", f"{HUB}{name}: reading from the Hub")
    repo, config, revision = _parsed(name)
    with _explained(name):
        return list(
            datasets.get_dataset_split_names(
                f"hf://datasets/{repo}", config_name=config, revision=revision
            )
        )


def _cells(name: str, split: str, columns: Sequence[str]) -> Cells:
    datasets = optional("datasets", f"{HUB}{name}: reading from the Hub")
    repo, config, revision = _parsed(name)
    with _explained(name):
        # With this prefix, a local folder of that name is not taken for it.
        stream: Any = datasets.load_dataset(
            f"hf://datasets/{repo}", config, split=split, revision=revision, streaming=True
        )
        for number, record in enumerate(stream, 1):
            if number == 1:
                check_columns(columns, list(record), f"{HUB}{name}, {split}")
            yield number, [record[column] for column in columns]


def read_hub(name: str, split: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yields the named columns of each record of a split of a dataset.

    One column is text, and each of its non-empty lines comes by itself, as in
    `amlm.text.readers.read_texts`; several columns come as in `amlm.text.readers.read_rows`.

    Raises:
        InputError: `datasets` is missing, another form of name, no such dataset, configuration,
            revision, split or column, no connection, a value that is no text, nothing in it.
    """
    place = f"{HUB}{name}, {split}"
    cells = _cells(name, split, columns)
    if len(columns) == 1:
        return some(((line,) for line in texts(cells, columns[0], f"{place} row")), place)
    return some(rows(cells, columns, f"{place} row"), place)
