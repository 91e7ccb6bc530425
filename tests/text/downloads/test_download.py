"""`amlm.data download` against a local stand-in of OSF.

The stand-in answers as OSF's API v2 and its storage do: pages, folders, checksums, redirected
downloads, ranges. It can be told to misbehave, and notes what it was asked and which bytes it sent.
What is compared: files on disk with the stand-in's, and its notes with the fewest bytes possible.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import random
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from filelock import FileLock

from amlm.text.downloads.download import CATALOGUE, Download, download, main
from amlm.util.errors import InputError

PAGE = 3
STORAGE = "/v2/nodes/ryjfm/files/osfstorage/"
BLIMP = "evaluation_data/fast_eval/blimp_fast"


def zipped(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


class Osf(ThreadingHTTPServer):
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

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
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
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

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


class Answer(BaseHTTPRequestHandler):
    server: Osf

    def log_message(self, format: str, *args: Any) -> None:
        pass

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
            self.send_response(302)
            self.send_header("Location", f"/content{url.path.removeprefix('/download')}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer_content(path.removeprefix("/content/"))

    def fault(self, name: str) -> str:
        faults = self.server.faults.get(name, [])
        return faults.pop(0) if faults else ""

    def answer_json(self, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, fault: str) -> None:
        status, _, seconds = fault.partition(":")
        self.send_response(int(status))
        if seconds:
            self.send_header("Retry-After", seconds)
        self.send_header("Content-Length", "0")
        self.end_headers()

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


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have waited, instead of waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> Iterator[Osf]:
    """The stand-in with the small track, a development archive and a few evaluation items."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Osf()
    text = random.Random(0).randbytes(5_000)
    made.files = {
        "text/train_10M.zip": zipped({"train_10M/a.train": text, "train_10M/b.train": b"b\n"}),
        "text/dev.zip": zipped({"dev/a.dev": b"a\n", "__MACOSX/dev/._a.dev": b"\0"}),
        **{f"{BLIMP}/{name}.jsonl": name.encode() * 9 for name in "abcdefgh"},
        "evaluation_data/fast_eval/reading/reading_data.csv": b"item,word\n",
        "evaluation_data/fast_eval/empty.txt": b"",
        "evaluation_data/full_eval/blimp_filtered/a.jsonl": b"not asked for",
    }
    made.guids = {"y7djq": "text/train_10M.zip", "uyd7v": "text/dev.zip"}
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def get(server: Osf, tmp_path: Path) -> Callable[..., list[str]]:
    """``get(what, sums)`` downloads into ``tmp_path / "out"``; returns what it said."""

    def run(what: str, sums: Path | None = None) -> list[str]:
        said: list[str] = []
        options = Download(what, str(tmp_path / "out"), str(sums) if sums else None)
        download(options, api=server.api, say=said.append)
        return said

    return run


def tree(folder: Path) -> dict[str, bytes]:
    """Contents of all files by path, without the lock and the sums."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "SHA256SUMS")
    }


ARCHIVE = "text/train_10M.zip"
Get = Callable[..., list[str]]


def test_text_is_downloaded_and_unpacked_with_a_next_step(
    server: Osf, get: Get, tmp_path: Path
) -> None:
    said = get("strict_small")
    out = tmp_path / "out"
    assert set(tree(out)) == {"train_10M.zip", "train_10M/a.train", "train_10M/b.train"}
    assert (out / "train_10M.zip").read_bytes() == server.files[ARCHIVE]
    assert (out / "train_10M" / "b.train").read_bytes() == b"b\n"
    assert said[-1] == f"next: python -m amlm.data download what=dev out={out}"
    said = get("dev")
    assert said[-1] == f"next: python -m amlm.train data=babylm data.dir={out}"
    assert not (out / "__MACOSX").exists(), "shadows of a Mac end in .dev like the text"


def test_a_folder_is_fetched_whole_through_all_its_pages(
    server: Osf, get: Get, tmp_path: Path
) -> None:
    get("eval_fast")
    start = "evaluation_data/"
    wanted = {
        path.removeprefix(start): content
        for path, content in server.files.items()
        if path.startswith(f"{start}fast_eval/")
    }
    assert len(wanted) == 10
    assert tree(tmp_path / "out") == wanted
    assert any("page=3" in path for path in server.listed)


def test_a_listing_that_lacks_files_is_not_taken_for_all(server: Osf, get: Get) -> None:
    server.lost = 1
    with pytest.raises(InputError, match="lists 1 of its 2 files"):
        get("eval_fast")


def test_existing_files_are_not_downloaded_again(server: Osf, get: Get, tmp_path: Path) -> None:
    get("eval_fast")
    (tmp_path / "out" / "fast_eval" / "blimp_fast" / "c.jsonl").unlink()
    server.asked.clear()
    get("eval_fast")
    assert server.asked == [(f"{BLIMP}/c.jsonl", None)]


def test_an_existing_file_is_never_overwritten(server: Osf, get: Get, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "fast_eval" / "blimp_fast" / "h.jsonl"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"H" * 9)  # of the right size
    with pytest.raises(InputError, match=r"h\.jsonl exists already, with other contents"):
        get("eval_fast")
    assert mine.read_bytes() == b"H" * 9
    assert not server.asked, "found out before anything is fetched"


def test_a_member_of_an_archive_overwrites_nothing(get: Get, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "train_10M" / "b.train"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"B\n")
    with pytest.raises(InputError, match=r"b\.train exists already"):
        get("strict_small")
    assert mine.read_bytes() == b"B\n"


@pytest.mark.parametrize("fault", ["cut", "short"])
def test_a_cut_connection_is_resumed_and_no_byte_sent_twice(
    server: Osf, get: Get, tmp_path: Path, waits: list[float], fault: str
) -> None:
    server.faults[ARCHIVE] = [f"{fault}:1000", f"{fault}:500"]
    get("strict_small")
    assert server.asked == [
        (ARCHIVE, None),
        (ARCHIVE, "bytes=1000-"),
        (ARCHIVE, "bytes=1500-"),
    ]
    size = len(server.files[ARCHIVE])
    assert sorted(server.sent) == [(ARCHIVE, byte) for byte in range(size)]
    assert waits == [1, 1], "each attempt got somewhere"
    assert (tmp_path / "out" / "train_10M.zip").read_bytes() == server.files[ARCHIVE]


def test_an_interrupted_download_resumes(
    server: Osf, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "out" / "train_10M.zip.part"

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    server.faults[ARCHIVE] = ["cut:1234"]
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", stop)
        with pytest.raises(KeyboardInterrupt):
            get("strict_small")
    assert part.read_bytes() == server.files[ARCHIVE][:1234]
    get("strict_small")
    assert server.asked[1:] == [(ARCHIVE, "bytes=1234-")]
    assert not part.exists()


def test_a_whole_part_is_only_verified(server: Osf, get: Get, tmp_path: Path) -> None:
    part = tmp_path / "out" / "train_10M.zip.part"
    part.parent.mkdir()
    part.write_bytes(server.files[ARCHIVE])
    get("strict_small")
    assert not server.asked


def test_a_part_longer_than_the_file_is_restarted(server: Osf, get: Get, tmp_path: Path) -> None:
    part = tmp_path / "out" / "train_10M.zip.part"
    part.parent.mkdir()
    part.write_bytes(bytes(len(server.files[ARCHIVE]) + 1))
    get("strict_small")
    assert server.asked == [(ARCHIVE, None)]


def test_a_server_without_ranges_restarts_the_file(server: Osf, get: Get, tmp_path: Path) -> None:
    server.faults[ARCHIVE] = ["cut:1000", "plain"]
    get("strict_small")
    assert [asked for _, asked in server.asked] == [None, "bytes=1000-"]
    assert (tmp_path / "out" / "train_10M.zip").read_bytes() == server.files[ARCHIVE]


def test_wrong_contents_are_deleted(server: Osf, get: Get, tmp_path: Path) -> None:
    server.hashes[ARCHIVE] = "0" * 64
    with pytest.raises(InputError) as error:
        get("strict_small")
    got = hashlib.sha256(server.files[ARCHIVE]).hexdigest()
    for text in (f"expected sha256:{'0' * 64} but got {got}", "Deleted", "https://osf.io/y7djq/"):
        assert text in str(error.value)
    assert tree(tmp_path / "out") == {}


def test_md5_is_used_without_sha256(server: Osf, get: Get, tmp_path: Path) -> None:
    server.kinds = ["md5"]
    get("strict_small")
    for name in ("train_10M.zip", "SHA256SUMS"):
        (tmp_path / "out" / name).unlink()
    server.hashes[ARCHIVE] = "0" * 32
    with pytest.raises(InputError, match=f"expected md5:{server.hashes[ARCHIVE]}"):
        get("strict_small")


def test_a_transient_failure_is_retried(server: Osf, get: Get, waits: list[float]) -> None:
    server.faults = {"y7djq": ["503", "502"], ARCHIVE: ["503", "429:7", "500"]}
    get("strict_small")
    assert waits == [1, 2, 1, 7, 4]


def test_a_permanent_failure_gives_advice(server: Osf, get: Get, waits: list[float]) -> None:
    server.faults["y7djq"] = ["503"] * 99
    with pytest.raises(InputError) as error:
        get("strict_small")
    assert waits == [1, 2, 4, 8, 16]
    for text in ("503", "6 attempts", "download train_10M.zip from https://osf.io/y7djq/"):
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (["3601"], []),
        (["inf"], []),
        (["1e999"], []),
        (["Fri, 31 Dec 9999 23:59:59 GMT"], []),
        (["3000", "3000", "3000"], [3000]),  # an hour in all
        (["nan", "-5", "Mon, 01 Jan 0001 00:00:00 -0000"], [1, 0, 0]),
    ],
)
def test_a_server_cannot_make_a_download_wait_more_than_an_hour(
    asked: list[str], waited: list[float], server: Osf, get: Get, waits: list[float]
) -> None:
    server.faults["y7djq"] = [*(f"429:{each}" for each in asked), "404"]
    with pytest.raises(InputError, match=r"429|404"):
        get("strict_small")
    assert waits == waited


def test_a_server_cannot_send_more_than_it_said(server: Osf, get: Get, tmp_path: Path) -> None:
    whole = server.files[ARCHIVE]
    server.hashes[ARCHIVE] = hashlib.sha256(whole).hexdigest()
    entry = server.entry(ARCHIVE)
    server.files[ARCHIVE] = whole * 500
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "entry", lambda _: entry)
        with pytest.raises(InputError, match=f"sends more than the {len(whole):,} bytes"):
            get("strict_small")
    assert tree(tmp_path / "out") == {}


def test_a_listing_that_never_ends_is_refused(server: Osf, get: Get) -> None:
    listing = server.listing

    def endless(folder: str, query: dict[str, list[str]]) -> dict[str, Any]:
        page = listing(folder, {**query, "page": ["1"]})
        page["links"]["next"] = f"{server.address}{STORAGE}{quote(folder, safe='')}/?sort=name"
        return page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "listing", endless)
        with pytest.raises(InputError, match="lists 3 of its 8 files"):
            get("eval_fast")


def test_later_downloads_must_match_the_first(server: Osf, get: Get, tmp_path: Path) -> None:
    server.kinds = ["md5"]  # the server names no SHA-256
    get("strict_small")
    out = tmp_path / "out"
    first = hashlib.sha256(server.files[ARCHIVE]).hexdigest()
    assert (out / "SHA256SUMS").read_text() == f"{first}  train_10M.zip\n"
    get("dev")
    assert len((out / "SHA256SUMS").read_text().splitlines()) == 2

    (out / "train_10M.zip").unlink()
    server.files[ARCHIVE] = zipped({"train_10M/a.train": b"other\n"})
    with pytest.raises(InputError, match=f"expected sha256:{first}"):
        get("strict_small")
    server.kinds = ["md5", "sha256"]
    with pytest.raises(InputError) as error:
        get("strict_small")
    for part in ("has changed", first, f"{out / 'SHA256SUMS'}", "remove that line"):
        assert part in str(error.value)
    assert not (out / "train_10M.zip").exists()


def test_sums_of_ones_own_pin_a_first_download(server: Osf, get: Get, tmp_path: Path) -> None:
    sums = tmp_path / "sums"
    with pytest.raises(InputError, match="is not a file"):
        get("strict_small", sums)
    for text, match in (("x  y\n", "line 1: not of the form"), ("", "no line for train_10M")):
        sums.write_text(text)
        with pytest.raises(InputError, match=match):
            get("strict_small", sums)
    sums.write_text(f"{'0' * 64}  train_10M.zip\n")
    with pytest.raises(InputError, match="has changed"):
        get("strict_small", sums)
    assert tree(tmp_path / "out") == {}
    sums.write_text(f"{hashlib.sha256(server.files[ARCHIVE]).hexdigest()} *train_10M.zip\n")
    get("strict_small", sums)


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_refusal_names_the_address_and_the_way_by_hand(
    server: Osf, get: Get, tmp_path: Path, waits: list[float], status: str
) -> None:
    server.faults["y7djq"] = [status]
    with pytest.raises(InputError) as error:
        get("strict_small")
    layout = f"{tmp_path / 'out'}/train_10M/<source>.train"
    for text in (f"{server.api}/files/y7djq/ responded {status}", "Manually", layout):
        assert text in str(error.value)
    assert "does not respond like" not in str(error.value)
    assert not waits


def test_an_unreachable_server_is_reported(server: Osf, tmp_path: Path) -> None:
    gone = Osf()
    gone.server_close()
    with pytest.raises(InputError, match=rf"^{gone.api}/files/uyd7v/: .* \(6 attempts\)"):
        download(Download("dev", str(tmp_path)), api=gone.api)


def test_a_renamed_file_or_folder_is_reported(server: Osf, get: Get) -> None:
    server.guids["y7djq"] = "text/dev.zip"
    with pytest.raises(InputError, match=r"is now dev\.zip instead of train_10M\.zip"):
        get("strict_small")
    server.files = {"evaluation_data/fast/a.jsonl": b"a"}
    with pytest.raises(InputError, match="has no folder fast_eval; it has: fast"):
        get("eval_fast")


def test_a_malformed_response_is_refused(server: Osf, get: Get) -> None:
    server.kinds = []
    with pytest.raises(InputError, match=r"does not respond like OSF's API \("):
        get("strict_small")


@pytest.mark.parametrize("name", ["../mine", "a/../../mine", "/mine", "c:\\mine"])
def test_no_archive_writes_outside_its_folder(
    server: Osf, get: Get, tmp_path: Path, name: str
) -> None:
    server.files[ARCHIVE] = zipped({"train_10M/a.train": b"a\n", name: b"evil"})
    with pytest.raises(InputError, match="is not a valid file name"):
        get("strict_small")
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert set(tree(tmp_path / "out")) == {"train_10M.zip"}, "nothing of it is unpacked"


def test_a_damaged_archive_is_refused(server: Osf, get: Get) -> None:
    server.files[ARCHIVE] = server.files[ARCHIVE][:-30]  # with the right checksum
    with pytest.raises(InputError, match=r"train_10M\.zip is damaged or not a zip archive"):
        get("strict_small")


def test_a_protected_archive_is_not_unpacked(server: Osf, get: Get, tmp_path: Path) -> None:
    packed = bytearray(zipped({"evaluation_data/fast_eval/ewok_fast/a.jsonl": b"{}\n"}))
    packed[6] |= 1  # the flag in the member's header ...
    packed[packed.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    server.files["evaluation_data/fast_eval/ewok_fast.zip"] = bytes(packed)
    said = "\n".join(get("eval_fast"))
    assert (
        "ewok_fast.zip needs a password and was not unpacked" in said
        and "ewok-core/ewok-core-1.0" in said
    )
    assert not list((tmp_path / "out").rglob("ewok_fast/*"))


def test_too_little_space_is_reported_first(
    server: Osf, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(server.files[ARCHIVE])
    part = tmp_path / "out" / "train_10M.zip.part"
    part.parent.mkdir()
    part.write_bytes(server.files[ARCHIVE][:1000])
    usage = shutil.disk_usage(tmp_path)

    def disk(free: int) -> Callable[[Path], Any]:
        return lambda path: usage._replace(free=free)

    monkeypatch.setattr(shutil, "disk_usage", disk(size - 1001))
    with pytest.raises(InputError, match=f"needs {size - 1000:,} bytes, .* {size - 1001:,} free"):
        get("strict_small")
    assert not server.asked
    monkeypatch.setattr(shutil, "disk_usage", disk(size - 1000))
    with pytest.raises(InputError, match="needs 5,002 bytes"):  # the archive fits, the text doesn't
        get("strict_small")
    assert [asked for _, asked in server.asked] == ["bytes=1000-"]


def test_a_full_disk_keeps_the_partial_file(
    server: Osf, get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []

    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            if received:
                raise OSError(errno.ENOSPC, "No space left on device")
            received.append(bytes(content[:700]))
            return super().write(received[0])

    real = Path.open

    def open_(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        return Full(path, mode) if path.suffix == ".part" else real(path, mode, *args, **options)

    server.faults[ARCHIVE] = ["cut:700"]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_)
        with pytest.raises(InputError, match=r"disk is full: .*train_10M\.zip\.part is kept"):
            get("strict_small")
    assert (tmp_path / "out" / "train_10M.zip.part").read_bytes() == server.files[ARCHIVE][:700]
    get("strict_small")
    assert server.asked[-1] == (ARCHIVE, "bytes=700-")


def test_two_downloads_do_not_share_a_folder(get: Get, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / ".lock"),
        pytest.raises(InputError, match="in use by another download"),
    ):
        get("dev")


def test_out_has_to_be_a_folder(get: Get, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is not a folder"):
        get("dev")


def test_names_outside_the_catalogue_get_a_hint(get: Get) -> None:
    with pytest.raises(InputError, match="did you mean strict_small"):
        get("strict-small")


def test_help_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    shown = capsys.readouterr().out
    for name, source in CATALOGUE.items():
        assert name in shown and source.layout in shown
    assert "hub:<owner>/<name>" in shown


def test_the_command_line_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["what=nothing", "out=x"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: what=nothing is unknown")
