"""Uploads exported models to the Hugging Face Hub, each as a branch of one repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import HfApi, errors, get_token

from amlm.publish.run_models import FINAL
from amlm.util.errors import InputError

# Of the HTTP client that huggingface_hub is built on, another one in every major version.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]


def check_push(repository: str, api: HfApi) -> None:
    """Raises InputError if the name is no ``user/name`` or there is no token to upload with."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise InputError(f"push={repository} must be of the form user/name")
    if not (api.token or get_token()):
        raise InputError(
            f"push={repository} needs a token that may write: log in with `hf auth login` or set "
            "HF_TOKEN"
        )


def push(
    folders: Sequence[Path],
    repository: str,
    api: HfApi,
    *,
    private: bool,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Makes each branch of a repository what its folder is.

    The Hub takes no commit without a change, so that an upload that broke off is started again.

    Args:
        folders: each is named like its branch.
        repository: ``user/name``; made if there is none.
        api: where to, with the token.
        private: whether a repository that is made here is private.
        say: is told of each branch.

    Raises:
        InputError: the Hub cannot be reached or refuses.
    """
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        # Branches start at the main one, which has to have a commit of its own.
        for folder in sorted(folders, key=lambda folder: folder.name != FINAL):
            if folder.name != FINAL:
                api.create_branch(repository, branch=folder.name, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                revision=folder.name,
                delete_patterns="*",  # of what the branch started with
                commit_message=f"Upload {folder.name}",
            )
            say(f"pushed   {repository}, branch {folder.name}")
    except (OSError, errors.HFValidationError, HTTPError) as error:
        raise InputError(
            f"push={repository} failed: {type(error).__name__}: {' '.join(str(error).split())} "
            "(what was pushed stays; give the command again to go on)"
        ) from error
