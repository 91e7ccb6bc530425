"""Downloads dataset repositories of the Hugging Face Hub at one commit; verifies every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import RepoFile, errors, snapshot_download

from amlm.text.downloads.remote import Unreachable, check_space, conflict, path_in
from amlm.util.errors import InputError
from amlm.util.hub import hub

# Where huggingface_hub keeps partial downloads, to resume them.
CACHE = Path(".cache") / "huggingface"
# The error of the HTTP library below huggingface_hub, which differs between major versions.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]


class Gated(Unreachable):
    """A repository whose terms have not been accepted."""


ADVICE = {
    errors.GatedRepoError: "requires its terms to be accepted: do that there, log in with "
    "`hf auth login`, and repeat the command",
    errors.RepositoryNotFoundError: "does not exist, or is private: if so, log in with "
    "`hf auth login`",
    errors.RevisionNotFoundError: "has no revision {revision}",
}


def fetch_repository(
    name: str, folder: Path, endpoint: str | None = None, only: str | None = None
) -> list[int]:
    """Downloads what a folder lacks of a dataset repository; returns all files' sizes in bytes.

    Args:
        name: ``<owner>/<name>[@<branch, tag or commit>]``.
        folder: where to.
        endpoint: address of the Hub; None: the default.
        only: the one file to download, if it is there; None: all.

    Raises:
        Unreachable: the Hub refuses (`Gated` if terms have to be accepted), or serves other
            contents, which are deleted.
        InputError: a file exists with other contents, or the disk is too full.
    """
    repository, _, revision = name.partition("@")
    try:
        return _fetch(repository, revision or None, folder, endpoint, only)
    except errors.HFValidationError as error:
        raise InputError(f"hub:{name} is not of the form hub:<owner>/<name>[@revision]") from error
    except (HTTPError, ConnectionError, FileNotFoundError, errors.XetDownloadError) as error:
        advice = [text for kind, text in ADVICE.items() if isinstance(error, kind)]
        why = advice[0].format(revision=revision) if advice else str(error) or type(error).__name__
        refusal = Gated if isinstance(error, errors.GatedRepoError) else Unreachable
        raise refusal(f"https://huggingface.co/datasets/{repository}: {why}") from error


def _fetch(
    repository: str, revision: str | None, folder: Path, endpoint: str | None, only: str | None
) -> list[int]:
    api = hub(endpoint)
    commit = api.dataset_info(repository, revision=revision).sha
    tree = api.list_repo_tree(repository, repo_type="dataset", revision=commit, recursive=True)
    sizes = {each.path: each.size for each in tree if isinstance(each, RepoFile)}
    sizes = {path: size for path, size in sizes.items() if only in (None, path)}
    paths = {each: path_in(folder, each) for each in sizes}
    folder.mkdir(parents=True, exist_ok=True)
    at: dict[str, Any] = {"repo_type": "dataset", "revision": commit, "local_dir": folder}
    found = api.verify_repo_checksums(repository, **at)
    for mismatch in found.mismatches:
        raise conflict(path_in(folder, mismatch["path"]))
    missing = sizes.keys() & set(found.missing_paths)
    check_space(folder, sum(sizes[each] for each in missing))
    if missing:
        # Not the shared cache, whose files a user may have changed.
        snapshot_download(
            repository, **at, allow_patterns=only, cache_dir=folder / CACHE, endpoint=endpoint
        )
        found = api.verify_repo_checksums(repository, **at)
        missing = sizes.keys() & set(found.missing_paths)
    if wrong := [*(each["path"] for each in found.mismatches), *sorted(missing)]:
        for each in wrong:
            paths[each].unlink(missing_ok=True)
        raise Unreachable(
            f"{repository} served {len(wrong)} files with wrong contents, e.g. {wrong[0]}; they "
            "were deleted: repeat the command"
        )
    return list(sizes.values())
