"""Uploads exported models to the Hugging Face Hub, one branch of a repository per model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import HfApi, errors, get_token

from amlm.publish.run_models import FINAL
from amlm.util.errors import InputError

# The base error of huggingface_hub's HTTP client, which differs between major versions.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]


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
    """Makes each branch of a repository equal to the folder of that name, and says so.

    The Hub ignores commits without changes, so an interrupted upload can simply be repeated.

    Raises:
        InputError: the Hub cannot be reached or refuses the upload.
    """
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        # New branches start from main, which therefore needs its own commit first.
        for folder in sorted(folders, key=lambda folder: folder.name != FINAL):
            if folder.name != FINAL:
                api.create_branch(repository, branch=folder.name, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                revision=folder.name,
                delete_patterns="*",  # files that the branch inherited from main
                commit_message=f"Upload {folder.name}",
            )
            say(f"pushed   {repository}, branch {folder.name}")
    except (OSError, errors.HFValidationError, HTTPError) as error:
        raise InputError(
            f"push={repository} failed: {type(error).__name__}: {' '.join(str(error).split())} "
            "(uploaded branches are kept; repeat the command to resume)"
        ) from error
