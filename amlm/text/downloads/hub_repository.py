"""Dataset repositories of the Hugging Face Hub, at one commit, every file verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, RepoFile, errors, snapshot_download

from amlm.text.downloads.remote import Unreachable, check_space, in_the_way, place
from amlm.util.errors import InputError

# Where huggingface_hub keeps what it resumes a download with.
CACHE = Path(".cache") / "huggingface"
# Of the HTTP library that huggingface_hub is built on, another one in every major version.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
ADVICE = {
    errors.GatedRepoError: "asks for its terms to be accepted: do that there, log in with "
    "`hf auth login`, and give the same command again",
    errors.RepositoryNotFoundError: "does not exist, or is private: then log in with "
    "`hf auth login`",
    errors.RevisionNotFoundError: "has no revision {revision}",
}


def fetch_repository(name: str, folder: Path, endpoint: str | None = None) -> list[int]:
    """Brings all files of a dataset repository into a folder; what it has of them is kept.

    Args:
        name: ``<owner>/<name>``, or ``<owner>/<name>@<branch, tag or commit>``.
        folder: is there.
        endpoint: address of the Hub, or None for the usual one.

    Returns:
        The files' sizes in bytes.

    Raises:
        Unreachable: the Hub does not give them, or gives other content; that is removed again.
        InputError: a file is in the folder with another content, or there is no room.
    """
    repository, _, revision = name.partition("@")
    try:
        return _fetch(repository, revision or None, folder, endpoint)
    except errors.HFValidationError as error:
        raise InputError(f"hub:{name} is not of the form hub:<owner>/<name>[@revision]") from error
    except (HTTPError, ConnectionError, FileNotFoundError, errors.XetDownloadError) as error:
        advice = [text for kind, text in ADVICE.items() if isinstance(error, kind)]
        why = advice[0].format(revision=revision) if advice else str(error) or type(error).__name__
        raise Unreachable(f"https://huggingface.co/datasets/{repository}: {why}") from error


def _fetch(repository: str, revision: str | None, folder: Path, endpoint: str | None) -> list[int]:
    api = HfApi(endpoint=endpoint)
    commit = api.dataset_info(repository, revision=revision).sha
    tree = api.list_repo_tree(repository, repo_type="dataset", revision=commit, recursive=True)
    sizes = {each.path: each.size for each in tree if isinstance(each, RepoFile)}
    paths = {each: place(folder, each) for each in sizes}
    at: dict[str, Any] = {"repo_type": "dataset", "revision": commit, "local_dir": folder}
    there = api.verify_repo_checksums(repository, **at)
    if there.mismatches:
        raise in_the_way(paths[there.mismatches[0]["path"]])
    check_space(folder, sum(sizes[each] for each in there.missing_paths))
    if there.missing_paths:
        # A cache of its own: nobody has changed the files in it.
        snapshot_download(repository, **at, cache_dir=folder / CACHE, endpoint=endpoint)
        there = api.verify_repo_checksums(repository, **at)
    if wrong := [*(each["path"] for each in there.mismatches), *there.missing_paths]:
        for each in wrong:
            paths[each].unlink(missing_ok=True)
        raise Unreachable(
            f"{repository} brought {len(wrong)} files with wrong content, among them {wrong[0]}; "
            "they were removed again: give the same command again"
        )
    return list(sizes.values())
