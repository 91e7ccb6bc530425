"""`amlm.data download` against a local stand-in of OSF: files on disk with the stand-in's."""

from __future__ import annotations

import errno
import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from amlm.config.command_line import run
from amlm.text.downloads.download import CATALOGUE, COMMAND
from amlm.util.errors import InputError
from tests.text.downloads.osf_server import ARCHIVE, BLIMP, Get, Osf, tree, zipped


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
    run(COMMAND, ["--help"])
    shown = capsys.readouterr().out
    for name, source in CATALOGUE.items():
        assert name in shown and source.layout in shown
    assert "hub:<owner>/<name>" in shown


def test_the_command_line_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(COMMAND, ["what=nothing", "out=x"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: what=nothing is unknown")
