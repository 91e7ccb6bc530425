"""Uploads exported models to the Hugging Face Hub, one branch of a repository per model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import HfApi, errors, get_token
from huggingface_hub.utils.sha import git_hash

from amlm.publish.folders import EXPORT_FILE
from amlm.publish.run_models import FINAL
from amlm.util.errors import InputError, in_one_line

# The base error of huggingface_hub's HTTP client, which differs between major versions.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
EMPTY = (".gitattributes",)  # what the Hub itself puts into a new repository


def check_push(repository: str, api: HfApi) -> None:
    """Raises InputError if the name is not ``user/name`` or there is no token."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise InputError(f"push={repository} must be of the form user/name")
    if not (api.token or get_token()):
        raise InputError(
            f"push={repository} needs a token with write access: log in with `hf auth login` or "
            "set HF_TOKEN"
        )


def push(
    folders: Sequence[Path],
    repository: str,
    api: HfApi,
    *,
    private: bool,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Uploads each folder to the branch of that name, and says so; deletes nothing.

    The Hub ignores commits without changes, so an interrupted upload can simply be repeated.

    Raises:
        InputError: the repository holds anything but an earlier export of the same run, in which
            case nothing is changed, or the Hub cannot be reached or refuses the upload.
    """
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        _check_branches(folders, repository, api)
        # New branches start from main, which therefore needs its own commit first.
        for folder in sorted(folders, key=lambda folder: folder.name != FINAL):
            if folder.name != FINAL:
                api.create_branch(repository, branch=folder.name, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                revision=folder.name,
                commit_message=f"Upload {folder.name}",
            )
            say(f"pushed   {repository}, branch {folder.name}")
    except (OSError, errors.HFValidationError, HTTPError) as error:
        raise InputError(
            f"push={repository} failed: {in_one_line(error)} "
            "(uploaded branches are kept; repeat the command to resume)"
        ) from error


def _check_branches(folders: Sequence[Path], repository: str, api: HfApi) -> None:
    """Raises InputError if a branch to write has files, but not the `EXPORT_FILE` of its folder."""
    branches = {branch.name for branch in api.list_repo_refs(repository).branches}
    for folder in (each for each in folders if each.name in branches):
        tree = api.list_repo_tree(repository, revision=folder.name)
        files = {each.path: getattr(each, "blob_id", None) for each in tree}
        for name in EMPTY:
            files.pop(name, None)
        if files and files.get(EXPORT_FILE) != git_hash((folder / EXPORT_FILE).read_bytes()):
            raise InputError(
                f"push={repository} is not an export of this run: its branch {folder.name} has "
                f"{min(files)}. Nothing was uploaded: give a new name, or delete the repository "
                "yourself"
            )
