"""Zip archives unpacked where they lie, nothing outside that folder and no file overwritten."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from amlm.text.downloads.remote import READ_BYTES, check_space, place
from amlm.util.errors import InputError

PROTECTED = 0x1  # bit of a member's flags: it needs a password


def unpack(archive: Path) -> bool:
    """Unpacks an archive into its folder; members that are there already stay as they are.

    Returns:
        Whether it was unpacked: one that asks for a password is left alone.

    Raises:
        InputError: it is no zip archive or damaged, a member would go somewhere else, or is there
            with another content, or the disk has no room.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            # A Mac adds a shadow of every file, with the same ending.
            members = [
                each
                for each in opened.infolist()
                if not each.is_dir() and not each.filename.startswith("__MACOSX/")
            ]
            if any(each.flag_bits & PROTECTED for each in members):
                return False
            missing = [
                each
                for each in members
                if not _is_there(place(archive.parent, each.filename), each)
            ]
            check_space(archive.parent, sum(each.file_size for each in missing))
            for each in missing:
                _write(opened, each, place(archive.parent, each.filename))
    except zipfile.BadZipFile as error:
        raise InputError(f"{archive} is no whole zip archive ({error})") from error
    return True


def _is_there(path: Path, member: zipfile.ZipInfo) -> bool:
    if not path.exists():
        return False
    if path.is_file() and path.stat().st_size == member.file_size and _crc(path) == member.CRC:
        return True
    raise InputError(
        f"{path} is there already, with another content than in the archive: move it away, or "
        "choose another out=<folder>"
    )


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            crc = zlib.crc32(part, crc)
    return crc


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with opened.open(member) as packed, part.open("wb") as out:
            shutil.copyfileobj(packed, out, READ_BYTES)
            out.flush()
            os.fsync(out.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)  # the archive is kept
        raise
