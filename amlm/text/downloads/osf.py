"""What a public project on the Open Science Framework (https://osf.io) holds, by its API v2.

Described at https://developer.osf.io; without an account it answers 100 requests an hour, so pages
are asked for as large as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx2

from amlm.text.downloads.remote import RemoteFile, Unreachable, persistently

API = "https://api.osf.io/v2"
# Without an order, pages repeat some files and leave out others (issue 10086 of
# CenterForOpenScience/osf.io).
PAGES = {"page[size]": "100", "sort": "name"}


def file_called(client: httpx2.Client, api: str, guid: str, name: str) -> RemoteFile:
    """One file, by the five letters of its address ``https://osf.io/<guid>``.

    Raises:
        Unreachable: OSF does not give it, or it has another name.
    """
    url = f"{api}/files/{guid}/"
    try:
        file = _file(_answer(client, url)["data"], "")
    except (KeyError, TypeError) as error:
        raise _strange(url, error) from error
    if file.path != name:
        raise Unreachable(f"{url} is {file.path} and no longer {name}")
    return file


def files_below(
    client: httpx2.Client, api: str, project: str, folder: Sequence[str]
) -> list[RemoteFile]:
    """All files in and below a folder; their paths start with its last name.

    Args:
        client: makes the requests.
        api: address of the API.
        project: five letters of the project's address.
        folder: names from the root of the project's storage down.

    Raises:
        Unreachable: there is no such folder, or OSF does not list it.
    """
    url = f"{api}/nodes/{project}/files/osfstorage/"
    try:
        for name in folder:
            entries = list(_entries(client, url))
            wanted = [each for each in entries if _is_folder(each) and _name(each) == name]
            if not wanted:
                names = ", ".join(map(_name, entries))
                raise Unreachable(f"{url} has no folder {name}; it has: {names}")
            url = _inside(wanted[0])
        return list(_walk(client, url, f"{folder[-1]}/"))
    except (KeyError, TypeError) as error:
        raise _strange(url, error) from error


def _walk(client: httpx2.Client, url: str, prefix: str) -> Iterator[RemoteFile]:
    for entry in _entries(client, url):
        if _is_folder(entry):
            yield from _walk(client, _inside(entry), f"{prefix}{_name(entry)}/")
        else:
            yield _file(entry, prefix)


def _entries(client: httpx2.Client, url: str) -> list[dict[str, Any]]:
    """Files and folders of a folder, from all pages."""
    entries: dict[str, dict[str, Any]] = {}
    following: str | None = str(httpx2.URL(url).copy_merge_params(PAGES))
    while following:
        page = _answer(client, following)
        entries.update((each["id"], each) for each in page["data"])
        following = page["links"]["next"]
    total = page["links"]["meta"]["total"]
    if len(entries) != total:
        raise Unreachable(f"{url} lists {len(entries)} of its {total} files: try again later")
    return list(entries.values())


def _answer(client: httpx2.Client, url: str) -> dict[str, Any]:
    def ask() -> httpx2.Response:
        return client.get(url).raise_for_status()

    response = persistently(ask, url)
    try:
        answer = response.json()
    except ValueError as error:
        raise _strange(url, error) from error
    if not isinstance(answer, dict):
        raise _strange(url, answer)
    return answer


def _is_folder(entry: dict[str, Any]) -> bool:
    return bool(entry["attributes"]["kind"] == "folder")


def _name(entry: dict[str, Any]) -> str:
    name = str(entry["attributes"]["name"])
    if "/" in name:  # one name, not a path
        raise Unreachable(f"{name!r} on OSF is no name of a file or folder")
    return name


def _inside(entry: dict[str, Any]) -> str:
    return str(entry["relationships"]["files"]["links"]["related"]["href"])


def _file(entry: dict[str, Any], prefix: str) -> RemoteFile:
    attributes = entry["attributes"]
    hashes = attributes["extra"]["hashes"]
    algorithm = "sha256" if hashes.get("sha256") else "md5"
    return RemoteFile(
        path=prefix + _name(entry),
        size=int(attributes["size"]),
        algorithm=algorithm,
        checksum=str(hashes[algorithm]),
        url=str(entry["links"]["download"]),
    )


def _strange(url: str, error: object) -> Unreachable:
    return Unreachable(f"{url} did not answer as OSF's API does ({error!r:.200})")
