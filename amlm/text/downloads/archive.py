"""Zip archives unpacked where they lie, nothing outside that folder and no file overwritten."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from amlm.text.downloads.remote import READ_BYTES, check_space, in_the_way, place
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
            members = {
                place(archive.parent, each.filename): each
                for each in opened.infolist()
                if not each.is_dir() and not each.filename.startswith("__MACOSX/")
            }
            if any(each.flag_bits & PROTECTED for each in members.values()):
                return False
            missing = {path: each for path, each in members.items() if not path.exists()}
            for path in members.keys() - missing:
                if not path.is_file() or _crc(path) != members[path].CRC:
                    raise in_the_way(path)
            check_space(archive.parent, sum(each.file_size for each in missing.values()))
            for path, each in missing.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"{path.name}.part")
                with opened.open(each) as packed, part.open("wb") as out:
                    shutil.copyfileobj(packed, out)
                    out.flush()
                    os.fsync(out.fileno())
                part.rename(path)
    except zipfile.BadZipFile as error:
        raise InputError(f"{archive} is no whole zip archive ({error})") from error
    return True


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            crc = zlib.crc32(part, crc)
    return crc
