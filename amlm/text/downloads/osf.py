"""Lists the files of a public project on the Open Science Framework (https://osf.io).

Uses its API v2 (https://developer.osf.io), which allows 100 requests an hour without an account, so
pages are requested as large as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import requests

from amlm.text.downloads.remote import TIMEOUT, RemoteFile, Unreachable, request_with_retries

API = "https://api.osf.io/v2"
# Unsorted pages repeat some files and lack others (CenterForOpenScience/osf.io issue 10086).
PAGES = "?page[size]=100&sort=name"


def find(api: str, guid: str, path: Sequence[str]) -> list[RemoteFile]:
    """Finds one file, or all files in a folder and its subfolders, with paths from that folder on.

    Args:
        api: address of the API.
        guid: five letters of the address ``https://osf.io/<guid>/`` of the file or the project.
        path: name of the file, or names from the root of the project's storage to the folder.

    Raises:
        Unreachable: there is no such file or folder, or OSF does not list it.
    """
    try:
        return [_find_file(api, guid, *path)] if len(path) == 1 else _find_files(api, guid, path)
    except (LookupError, TypeError, AttributeError) as error:
        raise Unreachable(f"{api} does not respond like OSF's API ({error!r:.200})") from error


def _find_file(api: str, guid: str, name: str) -> RemoteFile:
    url = f"{api}/files/{guid}/"
    file = _file(_get(url)["data"], "")
    if file.path != name:
        raise Unreachable(f"{url} is now {file.path} instead of {name}")
    return file


def _find_files(api: str, project: str, folder: Sequence[str]) -> list[RemoteFile]:
    url = f"{api}/nodes/{project}/files/osfstorage/"
    for name in folder:
        folders = {_name(each): _listing_url(each) for each in _entries(url)}
        if not folders.get(name):
            raise Unreachable(f"{url} has no folder {name}; it has: {', '.join(folders)}")
        url = folders[name]
    return list(_walk(url, f"{folder[-1]}/"))


def _walk(url: str, prefix: str) -> Iterator[RemoteFile]:
    for entry in _entries(url):
        if listing := _listing_url(entry):
            yield from _walk(listing, f"{prefix}{_name(entry)}/")
        else:
            yield _file(entry, prefix)


def _entries(url: str) -> list[Any]:
    """Files and folders of a folder, from all pages."""
    entries: dict[str, Any] = {}
    page_url: str | None = url + PAGES
    while page_url:
        page, before = _get(page_url), len(entries)
        entries.update((each["id"], each) for each in page["data"])
        page_url = page["links"]["next"] if len(entries) > before else None
    total = page["links"]["meta"]["total"]
    if len(entries) != total:
        raise Unreachable(f"{url} lists {len(entries)} of its {total} files: try again later")
    return list(entries.values())


def _get(url: str) -> Any:
    def request() -> Any:
        response = requests.get(url, timeout=TIMEOUT)
        response.raise_for_status()
        return response.json()

    return request_with_retries(request, url)


def _name(entry: Any) -> str:
    return str(entry["attributes"]["name"])


def _listing_url(entry: Any) -> str:
    """Where a folder is listed; "" for a file."""
    is_folder = entry["attributes"]["kind"] == "folder"
    return str(entry["relationships"]["files"]["links"]["related"]["href"]) if is_folder else ""


def _file(entry: Any, prefix: str) -> RemoteFile:
    hashes = entry["attributes"]["extra"]["hashes"]
    kind = "sha256" if hashes.get("sha256") else "md5"
    size, url = int(entry["attributes"]["size"]), str(entry["links"]["download"])
    return RemoteFile(prefix + _name(entry), size, f"{kind}:{hashes[kind]}", url)
