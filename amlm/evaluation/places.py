"""Locates a model and its checkpoints: folders, or a repository and its branches on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlm.util.errors import InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Source:
    """The location of a model: a folder, or a repository and revision on the Hub."""

    name: str
    path: str
    revision: str | None = None
    trust: bool = False  # whether code that comes with the model may run

    @property
    def at(self) -> dict[str, Any]:
        """The arguments of `from_pretrained` besides the path."""
        revision = {} if self.revision is None else {"revision": self.revision}
        return {**revision, "trust_remote_code": self.trust}


def find_model(model: str, revision: str, trust: bool = False) -> Source:
    """Locates a model.

    Args:
        model: a run folder, its export, a folder in Hugging Face format, or a name on the Hub.
        revision: ``main``, or a checkpoint: a folder in ``checkpoints`` or in the model's folder,
            or a revision on the Hub.
        trust: whether code that comes with the model may run.

    Raises:
        InputError: the folder, or its checkpoint, contains no model.
    """
    folder = Path(model).expanduser()
    if _is_on_hub(model):
        return Source(model.rsplit("/", 1)[-1], model, revision, trust)
    places = [folder / "checkpoints" / revision, folder / revision]
    if revision == "main":
        places = [folder, folder / "hf", folder / "main"]
    for place in places:
        if (place / "config.json").is_file():
            return Source(folder.resolve().name, str(place), None, trust)
    raise InputError(
        f"model={model}: no model in {' or '.join(map(str, places))} (no config.json found): give "
        "a run folder, an export, a folder in Hugging Face format, or a name on the Hub"
    )


def checkpoints(model: str, api: HfApi | None = None) -> list[str]:
    """The names ``chck_<n>M`` of a model's checkpoints, ordered by n.

    Checkpoints are folders, or branches on the Hub; none if the Hub does not respond.
    """
    folder = Path(model).expanduser()
    if _is_on_hub(model):
        names = _branches(model, api)
    else:
        places = (folder / "checkpoints", folder)
        names = {path.parent.name for at in places for path in at.glob("chck_*M/config.json")}
    numbers = {name: name.removeprefix("chck_").removesuffix("M") for name in names}
    known = [n for n in names if numbers[n].isdecimal() and n == f"chck_{numbers[n]}M"]
    return sorted(known, key=lambda name: int(numbers[name]))


def _is_on_hub(model: str) -> bool:
    there = Path(model).expanduser().exists()
    return not there and model.count("/") <= 1 and not model.startswith((".", "~"))


def _branches(model: str, api: HfApi | None) -> set[str]:
    from huggingface_hub import HfApi

    try:
        refs = (api or HfApi()).list_repo_refs(model)
    except Exception:  # the types depend on huggingface_hub's version; loading reports the error
        return set()
    return {branch.name for branch in refs.branches}
