"""What a public project on the Open Science Framework (https://osf.io) holds, by its API v2.

Described at https://developer.osf.io; without an account it answers 100 requests an hour, so pages
are asked for as large as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import requests

from amlm.text.downloads.remote import TIMEOUT, RemoteFile, Unreachable, repeatedly

API = "https://api.osf.io/v2"
# Without an order, pages repeat some files and leave out others (issue 10086 of
# CenterForOpenScience/osf.io).
PAGES = "?page[size]=100&sort=name"


def find(api: str, guid: str, path: Sequence[str]) -> list[RemoteFile]:
    """One file, or all files in and below a folder; then their paths start with its last name.

    Args:
        api: address of the API.
        guid: five letters of the address ``https://osf.io/<guid>/`` of the file, or of the project.
        path: name of the file, or names from the root of the project's storage down to the folder.

    Raises:
        Unreachable: there is no such file or folder, or OSF does not list it.
    """
    try:
        return [_find_file(api, guid, *path)] if len(path) == 1 else _find_files(api, guid, path)
    except (LookupError, TypeError, AttributeError) as error:
        raise Unreachable(f"{api} did not answer as OSF's API does ({error!r:.200})") from error


def _find_file(api: str, guid: str, name: str) -> RemoteFile:
    url = f"{api}/files/{guid}/"
    file = _file(_answer(url)["data"], "")
    if file.path != name:
        raise Unreachable(f"{url} is {file.path} and no longer {name}")
    return file


def _find_files(api: str, project: str, folder: Sequence[str]) -> list[RemoteFile]:
    url = f"{api}/nodes/{project}/files/osfstorage/"
    for name in folder:
        inside = {_name(each): _inside(each) for each in _entries(url)}
        if not inside.get(name):
            raise Unreachable(f"{url} has no folder {name}; it has: {', '.join(inside)}")
        url = inside[name]
    return list(_walk(url, f"{folder[-1]}/"))


def _walk(url: str, prefix: str) -> Iterator[RemoteFile]:
    for entry in _entries(url):
        if below := _inside(entry):
            yield from _walk(below, f"{prefix}{_name(entry)}/")
        else:
            yield _file(entry, prefix)


def _entries(url: str) -> list[Any]:
    """Files and folders of a folder, from all pages."""
    entries: dict[str, Any] = {}
    following = url + PAGES
    while following:
        page = _answer(following)
        entries.update((each["id"], each) for each in page["data"])
        following = page["links"]["next"]
    total = page["links"]["meta"]["total"]
    if len(entries) != total:
        raise Unreachable(f"{url} lists {len(entries)} of its {total} files: try again later")
    return list(entries.values())


def _answer(url: str) -> Any:
    def ask() -> Any:
        answer = requests.get(url, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()

    return repeatedly(ask, url)


def _name(entry: Any) -> str:
    return str(entry["attributes"]["name"])


def _inside(entry: Any) -> str:
    """Where a folder is listed; "" for a file."""
    is_folder = entry["attributes"]["kind"] == "folder"
    return str(entry["relationships"]["files"]["links"]["related"]["href"]) if is_folder else ""


def _file(entry: Any, prefix: str) -> RemoteFile:
    hashes = entry["attributes"]["extra"]["hashes"]
    kind = "sha256" if hashes.get("sha256") else "md5"
    size, url = int(entry["attributes"]["size"]), str(entry["links"]["download"])
    return RemoteFile(prefix + _name(entry), size, f"{kind}:{hashes[kind]}", url)
