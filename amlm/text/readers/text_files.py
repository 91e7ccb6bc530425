"""Decodes the bytes of a file in bounded memory: compression, encoding, line ends."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import sys
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from amlm.text.lines import normalised
from amlm.util.errors import InputError
from amlm.util.look import check_no_pointer
from amlm.util.optional import optional

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
LINE_LIMIT = 10_000_000  # bytes; a file with longer lines is no text file
BLOCK_BYTES = 1 << 20
# Files that are often mistaken for text, by their first bytes, and what to do about them.
LOOKALIKES = {  # UTF-32 before UTF-16, with which it starts
    BOM_UTF32_LE: "UTF-32: convert it, for example with iconv -f UTF-32 -t UTF-8",
    BOM_UTF32_BE: "UTF-32: convert it, for example with iconv -f UTF-32 -t UTF-8",
    BOM_UTF16_LE: "UTF-16: convert it, for example with iconv -f UTF-16 -t UTF-8",
    BOM_UTF16_BE: "UTF-16: convert it, for example with iconv -f UTF-16 -t UTF-8",
    b"\x1f\x8b": "gzip: its name must end in .gz",
    b"BZh": "bzip2: its name must end in .bz2",
    b"\xfd7zXZ\0": "xz: its name must end in .xz",
    b"\x28\xb5\x2f\xfd": "Zstandard: its name must end in .zst",
    b"PK\3\4": "a zip archive: unpack it, or export the text of a document (.docx, .xlsx)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!\x1a": "a RAR archive: unpack it",
    b"PAR1": "Parquet: its name must end in .parquet",
    b"%PDF": "PDF: extract its text",
    b"{\\rtf": "RTF: export its text",
    b"<?xml": "XML: extract its text",
    b"<!doctype html": "a web page, perhaps of a failed download: extract its text",
    b"<html": "a web page, perhaps of a failed download: extract its text",
}
TAR, TAR_AT = b"ustar", 257


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Opens a file for reading bytes.

    Raises:
        InputError: there is no such file, or it is a folder.
        OSError: it can't be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}") from error
    with file:
        yield file


def _decompressed(file: BinaryIO, path: Path) -> tuple[Any, tuple[type[Exception], ...]]:
    """A decompressing reader, and the errors that it raises if the file is damaged."""
    match path.suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=file), (EOFError, zlib.error, gzip.BadGzipFile)
        case ".bz2":
            return bz2.BZ2File(file), (EOFError, OSError)
        case ".xz":
            return lzma.LZMAFile(file), (EOFError, lzma.LZMAError)
        case ".zst":
            module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
            zstd = optional(module, f"{path}: reading Zstandard")
            return zstd.ZstdFile(file), (EOFError, zstd.ZstdError)
        case _:
            return file, ()


def _raw_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Like `blocks`, before decoding."""
    number, held = 1, b""
    with opened(path) as file:
        unpacked, errors = _decompressed(file, path)
        while True:
            try:
                part = unpacked.read(BLOCK_BYTES)
            except errors as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise InputError(
                    f"{path}: damaged or truncated after line {number - 1}: {error}"
                ) from error
            held += part
            # The last byte may be the first half of CR LF.
            end = held.rfind(b"\n") + 1 or held.rfind(b"\r", 0, -1) + 1 if part else len(held)
            raw, held = held[:end], held[end:]
            if number == 1:
                raw = raw.removeprefix(BOM_UTF8)
            if b"\r" in raw:
                raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            # A part is shorter than the limit, so only the first line can exceed it.
            too_long = len(raw) > LINE_LIMIT and raw.find(b"\n", 0, LINE_LIMIT + 1) < 0
            if raw and not too_long:
                yield number, raw
                number += raw.count(b"\n")
            if too_long or len(held) > LINE_LIMIT + 1:  # it may end in a CR
                raise InputError(
                    f"{path}, line {number}: longer than {LINE_LIMIT:,} bytes: is this a text file?"
                )
            if not part:
                return


def _lookalike(raw: bytes, path: Path) -> str | None:
    """What a file that starts with these bytes looks like, and what to do about it."""
    if raw[TAR_AT:].startswith(TAR) or path.suffix.lower() in (".tar", ".tgz"):
        return "a tar archive: unpack it, for example with tar -xf"
    for first_bytes, what in LOOKALIKES.items():
        if raw[: len(first_bytes)].lower() == first_bytes.lower():
            if path.suffix.lower() in COMPRESSED and "its name must end in" in what:
                return f"{what.partition(':')[0]} again inside {path.suffix}: unpack it once"
            return what
    return None


def _first_fault(raw: bytes) -> tuple[int, str]:
    """The position at which bytes stop being UTF-8 text, and why."""
    nul = raw.find(b"\0")
    try:
        raw[: nul if nul >= 0 else len(raw)].decode()
    except UnicodeDecodeError as error:
        byte = error.start - (raw.rfind(b"\n", 0, error.start) + 1)
        return error.start, (
            f"not UTF-8 ({error.reason} at byte {byte} of the line): convert the file, for "
            "example with iconv"
        )
    return nul, "a NUL byte: is this a text file?"


def blocks(path: Path) -> Iterator[tuple[int, str]]:
    """Yields a file's text, several whole lines at a time, with the number of the first line.

    Line ends (LF, CR LF and CR, as in Python's text files) become LF; a byte order mark is removed.

    Raises:
        InputError: no such file, not UTF-8, binary, damaged compression, or a line of more than
            `LINE_LIMIT` bytes; raised after the preceding lines.
        OSError: it can't be read.
    """
    for number, raw in _raw_blocks(path):
        if number == 1:
            check_no_pointer(path, raw[:100])
            if what := _lookalike(raw, path):
                raise InputError(f"{path}, line 1: no plain text; it looks like {what}")
        try:
            text = raw.decode()
            valid = "\0" not in text
        except UnicodeDecodeError:
            valid = False
        if not valid:
            at, why = _first_fault(raw)
            before = raw[: raw.rfind(b"\n", 0, at) + 1]
            yield number, before.decode()
            number += before.count(b"\n")
            raise InputError(f"{path}, line {number}: {why}")
        yield number, text


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers.

    Raises:
        InputError: see `blocks`.
    """
    for first, text in blocks(path):
        # Not `splitlines`: JSON strings can contain other characters that Unicode calls newlines.
        for number, line in enumerate(text.split("\n"), first):
            if line and not line.isspace():
                yield number, line


def lines_in(text: str) -> list[str]:
    """The non-empty lines of a text with LF line ends, each `normalised`."""
    return [line for line in map(normalised, text.split("\n")) if line]
