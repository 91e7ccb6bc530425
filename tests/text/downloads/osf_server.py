"""A local stand-in of OSF.

It answers as OSF's API v2 and its storage do: pages, folders, checksums, redirected downloads,
ranges. It can be told to misbehave, and notes what it was asked and which bytes it sent.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from tests.local_server import Handler, Server

PAGE = 3


STORAGE = "/v2/nodes/ryjfm/files/osfstorage/"


BLIMP = "evaluation_data/fast_eval/blimp_fast"


def zipped(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


class Osf(Server):
    """The stand-in.

    Attributes:
        files: contents by path from the root of the storage.
        guids: path of a file by the five letters of its address.
        faults: by path, what goes wrong at its next requests, in order: ``cut:<n>`` ends the
            connection after n bytes, ``short:<n>`` ends the answer after n as if that were all,
            ``plain`` ignores the range, ``<status>`` or ``<status>:<seconds>`` answers with that.
        hashes: checksums that OSF claims, by path, where they are not those of the content.
        kinds: of checksum that OSF names.
        asked: ``(path, range)`` of every request for content.
        sent: ``(path, byte)`` of every byte of content.
    """

    def __init__(self) -> None:
        super().__init__(Answer)
        self.files: dict[str, bytes] = {}
        self.guids: dict[str, str] = {}
        self.faults: dict[str, list[str]] = {}
        self.hashes: dict[str, str] = {}
        self.kinds = ["md5", "sha256"]
        self.asked: list[tuple[str, str | None]] = []
        self.sent: list[tuple[str, int]] = []
        self.listed: list[str] = []
        self.lost = 0  # files that listings leave out

    @property
    def api(self) -> str:
        return f"{self.address}/v2"

    def entry(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        if path not in self.files:
            inside = {"href": f"{self.address}{STORAGE}{quote(path, safe='')}/"}
            return {
                "id": path,
                "attributes": {"name": name, "kind": "folder", "size": None},
                "relationships": {"files": {"links": {"related": inside}}},
                "links": {},
            }
        content = self.files[path]
        made = {each: hashlib.new(each, content).hexdigest() for each in self.kinds}
        hashes = {each: self.hashes.get(path, made[each]) for each in self.kinds}
        return {
            "id": path,
            "attributes": {
                "name": name,
                "kind": "file",
                "size": len(content),
                "extra": {"hashes": hashes},
            },
            "links": {"download": f"{self.address}/download/{quote(path)}"},
        }

    def listing(self, folder: str, query: dict[str, list[str]]) -> dict[str, Any]:
        start = f"{folder}/" if folder else ""
        below = [path.removeprefix(start) for path in self.files if path.startswith(start)]
        names = sorted({each.partition("/")[0] for each in below})
        total = len(names)
        number = int(query.get("page", ["1"])[0])
        first = (number - 1) * PAGE
        if "sort" not in query:  # then the real one repeats some and leaves out others
            first -= number - 1
        shown = names[: total - self.lost][first : first + PAGE]
        following = {**{key: value[0] for key, value in query.items()}, "page": str(number + 1)}
        url = f"{self.address}{STORAGE}{quote(folder, safe='')}/?{urlencode(following)}"
        return {
            "data": [self.entry(start + name) for name in shown],
            "links": {
                "next": url if number * PAGE < total else None,
                "meta": {"total": total, "per_page": PAGE},
            },
        }


class Answer(Handler):
    server: Osf

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        if url.path.startswith(STORAGE):
            self.server.listed.append(self.path)
            folder = unquote(url.path.removeprefix(STORAGE)).rstrip("/")
            self.answer_json(self.server.listing(folder, parse_qs(url.query)))
        elif path.startswith("/v2/files/"):
            guid = path.removeprefix("/v2/files/").strip("/")
            if fault := self.fault(guid):
                self.refuse(fault)
            elif guid in self.server.guids:
                self.answer_json({"data": self.server.entry(self.server.guids[guid])})
            else:
                self.refuse("404")
        elif path.startswith("/download/"):
            self.send(302, {"Location": f"/content{url.path.removeprefix('/download')}"})
        else:
            self.answer_content(path.removeprefix("/content/"))

    def fault(self, name: str) -> str:
        faults = self.server.faults.get(name, [])
        return faults.pop(0) if faults else ""

    def answer_json(self, answer: Any) -> None:
        self.send(200, {}, json.dumps(answer).encode())

    def refuse(self, fault: str) -> None:
        status, _, seconds = fault.partition(":")
        self.send(int(status), {"Retry-After": seconds} if seconds else {})

    def answer_content(self, path: str) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append((path, asked))
        fault = self.fault(path)
        if fault[:3].isdecimal():
            self.refuse(fault)
            return
        content = self.server.files[path]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and fault != "plain" else 0
        end = len(content)
        length = end - start
        kind, _, count = fault.partition(":")
        if kind in ("cut", "short"):
            end = start + int(count)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if kind != "short":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content[start:end])
        self.server.sent += [(path, byte) for byte in range(start, end)]
        self.close_connection = True


def tree(folder: Path) -> dict[str, bytes]:
    """Contents of all files by path, without the lock and the sums."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "SHA256SUMS")
    }


ARCHIVE = "text/train_10M.zip"


Get = Callable[..., list[str]]
