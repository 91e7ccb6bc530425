"""Locates a model and its checkpoints: folders, or a repository and its branches on the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlm.text.readers.hub_datasets import HUB
from amlm.util.errors import InputError, in_one_line
from amlm.util.hub import hub
from amlm.util.look import check_no_pointer

if TYPE_CHECKING:
    from huggingface_hub import HfApi


NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


@dataclass(frozen=True)
class Source:
    """The location of a model: a folder, or a repository and revision on the Hub.

    `trusted` says whether Python code that comes with the model may run.
    """

    name: str
    path: str
    revision: str | None = None
    trusted: bool = False

    @property
    def at(self) -> dict[str, Any]:
        """The arguments of `from_pretrained` besides the path."""
        # Without an answer transformers would ask at the terminal; a folder needs no network.
        place = {"local_files_only": True} if self.revision is None else {"revision": self.revision}
        return {**place, "trust_remote_code": self.trusted}

    @property
    def shown(self) -> str:
        """As the option ``model`` names it."""
        return self.path if self.revision is None else HUB + self.path


def find_model(model: str, revision: str, trusted: bool = False) -> Source:
    """Locates a model.

    Args:
        model: a run folder, its export, a folder in Hugging Face format, or ``hub:owner/name``.
        revision: ``main``, or a checkpoint: a folder in ``checkpoints`` or in the model's folder,
            or a revision on the Hub.
        trusted: see `Source`.

    Raises:
        InputError: there is no such folder, it or its checkpoint contains no model, or its files
            are Git LFS pointers.
    """
    if model.startswith(HUB):
        name = model.removeprefix(HUB)
        if not NAME.fullmatch(name):
            raise InputError(
                f"model={model} is not of the form {HUB}owner/name (a branch or commit is given as "
                "revision=...)"
            )
        return Source(name.rsplit("/", 1)[-1], name, revision, trusted)
    folder = Path(model).expanduser()
    if not folder.exists():
        hint = f"; for a model of the Hugging Face Hub write model={HUB}{model}"
        raise InputError(
            f"model={model}: there is no such folder{hint if NAME.fullmatch(model) else ''}"
        )
    places = [folder / "checkpoints" / revision, folder / revision]
    if revision == "main":
        places = [folder, folder / "hf", folder / "main"]
    for place in places:
        if (place / "config.json").is_file():
            for path in place.iterdir():
                if path.is_file():
                    check_no_pointer(path)
            return Source(folder.resolve().name, str(place), trusted=trusted)
    raise InputError(
        f"model={model}: no model in {' or '.join(map(str, places))} (no config.json found): give "
        f"a run folder, an export, a folder in Hugging Face format, or {HUB}owner/name"
    )


def checkpoints(model: str, api: HfApi | None = None) -> list[str]:
    """The names ``chck_<n>M`` of a model's checkpoints, ordered by n.

    Checkpoints are folders, or branches on the Hub.

    Raises:
        InputError: the Hub does not list the branches; says why.
    """
    folder = Path(model).expanduser()
    if model.startswith(HUB):
        names = _branches(model.removeprefix(HUB), api)
    else:
        places = (folder / "checkpoints", folder)
        names = {path.parent.name for at in places for path in at.glob("chck_*M/config.json")}
    numbers = {name: name.removeprefix("chck_").removesuffix("M") for name in names}
    known = [n for n in names if numbers[n].isdecimal() and n == f"chck_{numbers[n]}M"]
    return sorted(known, key=lambda name: int(numbers[name]))


def _branches(model: str, api: HfApi | None) -> set[str]:
    try:
        refs = (api or hub()).list_repo_refs(model)
    except InputError:
        raise
    except Exception as error:  # the types depend on huggingface_hub's version
        raise InputError(
            f"model={HUB}{model}: its branches, among which are its checkpoints, can't be listed "
            f"({in_one_line(error)}): check the name and the connection, and repeat the command"
        ) from error
    return {branch.name for branch in refs.branches}
