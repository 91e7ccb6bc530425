"""Connections that break off and answers that are wrong, from a local stand-in of OSF.

What is compared: files on disk with the stand-in's, and its notes with the fewest bytes possible.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from amlm.text.downloads.download import Download, download
from amlm.util.errors import InputError
from tests.text.downloads.osf_server import ARCHIVE, STORAGE, Get, Osf, tree


def test_a_listing_that_lacks_files_is_not_taken_for_all(server: Osf, get: Get) -> None:
    server.lost = 1
    with pytest.raises(InputError, match="lists 1 of its 2 files"):
        get("eval_fast")


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
