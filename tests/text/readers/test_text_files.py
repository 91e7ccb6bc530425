"""Lines read from plain text, whatever blocks it is read in and compressed or not, against
hand-written ones and Python's own text files; and what can't be read against its message."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from amlm.text.readers import digest, format_of, read_texts
from amlm.text.readers import text_files as lines
from amlm.util.errors import InputError

Pack = Callable[[bytes], bytes]


def zstd(raw: bytes) -> bytes:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    packed: bytes = pytest.importorskip(name).compress(raw)
    return packed


PACKERS: dict[str, Pack] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lambda raw: lzma.compress(raw, preset=1),
    ".zst": zstd,
}


def written(folder: Path, raw: bytes, name: str = "a.train") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\rtwo\r", ["one", "two"]),
        (b"one\ntwo\rthree\r\n\rfour", ["one", "two", "three", "four"]),
        (b"\xef\xbb\xbfone\ntwo\n", ["one", "two"]),
        (b"\n  \n\t\r\none\n\n \xc2\xa0\n\xe2\x80\xa8\ntwo\n\n", ["one", "two"]),
        (b"  one\ttwo   three \n", ["one two three"]),
        (
            "one\u3000two\xa0three\u2028four\x85five\x1csix\n".encode(),
            ["one two three four five six"],
        ),
        ("café 日本 🙂 e\u0301\n".encode(), ["café 日本 🙂 e\u0301"]),
        (b"[MASK] \xe2\x96\x81 <0x0A>\n", ["[MASK] ▁ <0x0A>"]),
    ],
    ids=[
        "plain",
        "no last newline",
        "CRLF",
        "CR",
        "mixed ends",
        "BOM",
        "blank",
        "inner",
        "unicode",
        "UTF-8",
        "marks",
    ],
)
def test_lines_of_a_file(tmp_path: Path, raw: bytes, expected: list[str]) -> None:
    assert list(read_texts(written(tmp_path, raw))) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 1_000])
def test_blocks_of_any_size_match_text_files_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    text = "\ufeffüno\r\n\r\n\rtwo 日本\r\r\nthree\n\n\nfour\n\rfive\r" + "x" * 40 + "\r\nlast"
    path = written(tmp_path, text.encode())
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    found = list(lines.blocks(path))
    numbers = [1]
    for _, part in found:
        numbers.append(numbers[-1] + part.count("\n"))
    assert [number for number, _ in found] == numbers[:-1]
    assert "".join(part for _, part in found) == path.read_text("utf-8-sig")


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_text_is_that_text(tmp_path: Path, shared_data: Path, suffix: str) -> None:
    plain = shared_data / "babylm" / "dev" / "switchboard.dev"
    packed = PACKERS[suffix](plain.read_bytes()[:-1])
    path = written(tmp_path, packed + PACKERS[suffix](b"\nmore"), f"a.txt{suffix}")
    assert list(read_texts(path)) == [*read_texts(plain), "more"]


def test_real_text_is_as_python_splits_it(shared_data: Path) -> None:
    for path in sorted((shared_data / "babylm" / "dev").iterdir()):
        with path.open(encoding="utf-8") as file:
            expected = [" ".join(line.split()) for line in file]
        assert list(read_texts(path)) == [line for line in expected if line]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "contains no text"),
        (b" \r\n\n\t\n", "contains no text"),
        (b"\xef\xbb\xbf\n", "contains no text"),
        (b"one\n\n\ntwo\0three\n", "line 4: a NUL byte"),
        (b"one\r\n\rtwo\0\xff", "line 3: a NUL byte"),
        (bytes(range(256)), "line 1: a NUL byte"),
        ("one\n".encode("utf-16"), "line 1: .*UTF-16: convert it.*iconv"),
        ("one\n".encode("utf-16-le"), "line 1: a NUL byte"),
        ("one\ntwo\ncaf\xe9 au lait\n".encode("latin-1"), "line 3: not UTF-8 .* at byte 3 .*iconv"),
        ("na\xefve\0\n".encode("latin-1"), "line 1: not UTF-8 .* at byte 2 "),
        ("\ufeffone\nna".encode() + b"\xef", "line 2: not UTF-8 .* at byte 2 "),
        (b"one\n\xed\xa0\x80\n", "line 2: not UTF-8"),
        (gzip.compress(b"one\n"), "line 1: .*gzip: its name must end in .gz"),
        (b"PK\3\4\x14\0\0", "line 1: .*zip archive: unpack it"),
        ("one\n".encode("utf-32"), "line 1: .*UTF-32: convert it.*iconv -f UTF-32"),
        (b"\0\0\xfe\xff" + "one\n".encode("utf-32-be"), "line 1: .*UTF-32: convert it"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "line 1: .*7z archive: unpack it"),
        (b"{\\rtf1 one\n", "line 1: .*RTF: export its text"),
        (b"<!DOCTYPE html>\n<p>Sign in\n", "line 1: .*web page, .*failed download"),
        (b"<?xml version='1.0'?>\n<page>\n", "line 1: .*XML: extract its text"),
    ],
    ids=[
        "empty",
        "blank",
        "BOM only",
        "NUL",
        "NUL after CR",
        "binary",
        "UTF-16",
        "UTF-16 without BOM",
        "Latin-1",
        "first line",
        "cut character",
        "surrogate",
        "gzip",
        "zip",
        "UTF-32",
        "UTF-32, big-endian",
        "7z",
        "RTF",
        "HTML",
        "XML",
    ],
)
def test_bad_file_is_reported_with_its_line(tmp_path: Path, raw: bytes, message: str) -> None:
    path = written(tmp_path, raw)
    with pytest.raises(InputError, match=message) as caught:
        list(read_texts(path))
    assert str(path) in str(caught.value)


def tar(raw: bytes) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("a.train")
        member.size = len(raw)
        archive.addfile(member, BytesIO(raw))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        (
            "a.train.gz",
            gzip.compress(gzip.compress(b"one\n")),
            "gzip again inside .gz: unpack it once",
        ),
        (
            "a.train.xz",
            lzma.compress(gzip.compress(b"one\n")),
            "gzip again inside .xz: unpack it once",
        ),
        ("a.train.gz", gzip.compress(bz2.compress(b"one\n")), "bzip2 again inside .gz: unpack it"),
        ("a.train", tar(b"one\n"), "a tar archive: unpack it"),
        ("a.tar.gz", gzip.compress(tar(b"one\n")), "a tar archive: unpack it"),
        ("a.tar.bz2", bz2.compress(tar(b"one\n")), "a tar archive: unpack it"),
        ("a.tgz", gzip.compress(tar(b"one\n")), "a tar archive: unpack it"),
        ("a.jsonl", tar(b"{}\n"), "a tar archive: unpack it"),
    ],
    # A packed file holds the time, so its bytes must not be part of a test's name.
    ids=["gz-gz", "xz-gz", "gz-bz2", "tar", "tar.gz", "tar.bz2", "tgz", "tar-jsonl"],
)
def test_packed_text_is_named_for_what_it_is(
    tmp_path: Path, name: str, raw: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=f"{name}, line 1: .* looks like {said}"):
        list(read_texts(written(tmp_path, raw, name)))


def test_lines_before_a_bad_one_are_read(tmp_path: Path) -> None:
    found = read_texts(written(tmp_path, b"one\ntwo\n\xff\n"))
    assert [next(found), next(found)] == ["one", "two"]
    with pytest.raises(InputError, match="line 3"):
        next(found)


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("before", ["", "one\ntwo\r\n\r"])
def test_line_may_be_as_long_as_the_limit_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, before: str
) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 200)
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    ahead = before.split()
    for end in ("", "\n", "\r\nlast\n"):
        longest = written(tmp_path, f"{before}{'é' * 100}{end}".encode())
        assert list(read_texts(longest)) == [*ahead, "é" * 100, *end.split()]
        longer = written(tmp_path, f"{before}{'é' * 100}.{end}".encode())
        with pytest.raises(
            InputError, match=rf"line {before.count(chr(10)) * 2 or 1}: longer than"
        ):
            list(read_texts(longer))


def test_endless_line_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = written(tmp_path, b"one\n" + b"word " * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="line 2: longer than 10,000,000 bytes"):
            list(read_texts(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * lines.LINE_LIMIT


def test_long_file_takes_no_more_memory_than_a_few_blocks(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress((b"x" * 1_000 + b"\n") * 50_000, 1), "a.txt.gz")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_texts(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 50_000 and peak < 10 * lines.BLOCK_BYTES


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("damage", ["cut", "changed", "none of it"])
def test_damaged_compression_is_refused(tmp_path: Path, suffix: str, damage: str) -> None:
    packed = PACKERS[suffix](b"".join(b"line %d\n" % (i * i) for i in range(20_000)))
    half = len(packed) // 2
    raw = {
        "cut": packed[:half],
        "changed": packed[:half] + bytes(64) + packed[half + 64 :],
        "none of it": b"plain text\n" * 10,
    }[damage]
    path = written(tmp_path, raw, f"a.txt{suffix}")
    message = (
        "damaged or truncated after line 0" if damage == "none of it" else "damaged or truncated"
    )
    with pytest.raises(InputError, match=message) as caught:
        list(read_texts(path))
    assert str(path) in str(caught.value)


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "nowhere", "does not exist"),
        (written(tmp_path, b"one") / "below", "does not exist"),
    ]:
        for read in (read_texts, digest):
            with pytest.raises(InputError, match=f"{path} {message}"):
                list(read(path))


def test_unreadable_file_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    path = written(tmp_path, b"one")
    monkeypatch.setattr(Path, "open", fail)  # nothing is closed to root
    with pytest.raises(PermissionError, match=str(path)):
        list(read_texts(path))


def test_os_errors_while_decompressing_are_not_wrapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(bz2.BZ2File, "read", fail)
    with pytest.raises(OSError, match="Input/output error"):
        list(read_texts(written(tmp_path, bz2.compress(b"one"), "a.txt.bz2")))


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("backports.zstd", "compression.zstd", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in ("a.txt.zst", "a.parquet"):
        with pytest.raises(InputError, match=rf"{name}: reading .* pip install 'amlm\[data\]'"):
            list(read_texts(written(tmp_path, b"one", name)))


def test_format_is_by_name_unless_given() -> None:
    names = {
        "childes.train": "text",
        "notes": "text",
        "notes.TXT.gz": "text",
        "a.jsonl": "jsonl",
        "a.json": "jsonl",
        "a.ndjson.zst": "jsonl",
        "a.b.CSV.xz": "csv",
        "a.tsv.bz2": "tsv",
        "a.parquet": "parquet",
        ".gz": "text",
    }
    assert {name: format_of(Path(name)) for name in names} == names
    assert format_of(Path("a.csv"), "text") == "text"
    with pytest.raises(InputError, match=r"unknown format tvs \(did you mean tsv\?\)"):
        format_of(Path("a"), "tvs")


def test_digest_is_of_the_content_alone(tmp_path: Path) -> None:
    long = b"a line of text\n" * 100_000
    one, two, three = (
        written(tmp_path, raw, f"{i}.txt") for i, raw in enumerate([long, long, long[:-1]])
    )
    assert digest(one) == digest(two) != digest(three)
    assert len(digest(one)) == 32
