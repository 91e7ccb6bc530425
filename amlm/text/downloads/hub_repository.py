"""Dataset repositories of the Hugging Face Hub, at one commit, every file verified."""

from __future__ import annotations

from pathlib import Path

import httpx2
from huggingface_hub import HfApi, RepoFile, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)

from amlm.text.downloads.remote import RemoteFile, Unreachable, is_whole, missing, place
from amlm.util.errors import InputError

# What huggingface_hub keeps in the folder to go on with a download.
CACHE = Path(".cache") / "huggingface"


def fetch_repository(name: str, folder: Path, endpoint: str | None = None) -> list[RemoteFile]:
    """Brings all files of a dataset repository into a folder.

    Args:
        name: ``<owner>/<name>``, or ``<owner>/<name>@<branch, tag or commit>``.
        folder: where they go; what it has of them is kept.
        endpoint: address of the Hub, or None for the usual one.

    Raises:
        Unreachable: the Hub does not give them, or gives other content.
        InputError: a file is in the folder with another content, or there is no room.
    """
    repository, _, revision = name.partition("@")
    address = f"https://huggingface.co/datasets/{repository}"
    try:
        files, commit = _listing(HfApi(endpoint=endpoint), repository, revision or None)
        if missing(files, folder):
            snapshot_download(
                repository,
                repo_type="dataset",
                revision=commit,
                local_dir=folder,
                cache_dir=folder / CACHE,  # not one with files that somebody may have changed
                endpoint=endpoint,
            )
    except GatedRepoError as error:
        raise Unreachable(
            f"{address} asks for its terms to be accepted: do that there, log in with `hf auth "
            "login`, and give the same command again"
        ) from error
    except RepositoryNotFoundError as error:
        raise Unreachable(
            f"{address} does not exist, or is private: then log in with `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise Unreachable(f"{address} has no revision {revision}") from error
    except HFValidationError as error:
        raise InputError(f"hub:{name} is not of the form hub:<owner>/<name>[@revision]") from error
    except (httpx2.HTTPError, ConnectionError, FileNotFoundError, XetDownloadError) as error:
        raise Unreachable(f"{address}: {str(error) or type(error).__name__}") from error
    _verify(files, folder, address)
    return files


def _listing(
    api: HfApi, repository: str, revision: str | None
) -> tuple[list[RemoteFile], str | None]:
    commit = api.repo_info(repository, repo_type="dataset", revision=revision).sha
    tree = api.list_repo_tree(repository, repo_type="dataset", revision=commit, recursive=True)
    files = [
        RemoteFile(each.path, each.size, "sha256", each.lfs.sha256, "")
        if each.lfs
        else RemoteFile(each.path, each.size, "git", each.blob_id, "")
        for each in tree
        if isinstance(each, RepoFile)
    ]
    return files, commit


def _verify(files: list[RemoteFile], folder: Path, address: str) -> None:
    """The library compares sizes only."""
    wrong = [path for each in files if not is_whole(path := place(folder, each.path), each)]
    for path in wrong:
        path.unlink(missing_ok=True)
    if wrong:
        raise Unreachable(
            f"{address} brought {len(wrong)} files with wrong content, among them {wrong[0]}; they "
            "were removed again: give the same command again"
        )
