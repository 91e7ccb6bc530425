"""Unpacks zip archives into their own folder, without writing outside it or overwriting a file."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from amlm.text.downloads.remote import READ_BYTES, check_space, conflict, path_in
from amlm.util.errors import InputError

PROTECTED = 0x1  # bit of a member's flags: it needs a password


def unpack(archive: Path, folder: Path | None = None, password: bytes | None = None) -> bool:
    """Unpacks an archive, except for members that exist already.

    Args:
        archive: the file.
        folder: where to; None: its own folder.
        password: of its members.

    Returns:
        Whether it was unpacked; one that needs a password, and gets none, is not.

    Raises:
        InputError: it is damaged or not a zip archive, has another password, a member would be
            written outside the folder or exists with other contents, or the disk is too full.
    """
    folder = folder or archive.parent
    try:
        with zipfile.ZipFile(archive) as opened:
            # macOS adds a metadata file with the same suffix for every file.
            members = {
                path_in(folder, each.filename): each
                for each in opened.infolist()
                if not each.is_dir() and not each.filename.startswith("__MACOSX/")
            }
            if password is None and any(e.flag_bits & PROTECTED for e in members.values()):
                return False
            missing = {path: each for path, each in members.items() if not path.exists()}
            for path in members.keys() - missing:
                if not path.is_file() or _crc(path) != members[path].CRC:
                    raise conflict(path)
            check_space(folder, sum(each.file_size for each in missing.values()))
            for path, each in missing.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"{path.name}.part")
                with opened.open(each, pwd=password) as packed, part.open("wb") as out:
                    shutil.copyfileobj(packed, out)
                    out.flush()
                    os.fsync(out.fileno())
                part.rename(path)
    except zipfile.BadZipFile as error:
        raise InputError(f"{archive} is damaged or not a zip archive ({error})") from error
    except (RuntimeError, NotImplementedError) as error:  # another password or encryption
        raise InputError(
            f"{archive} can't be unpacked with the password that the challenge published ({error}):"
            " look for the current one in its README, and unpack it by hand"
        ) from error
    return True


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            crc = zlib.crc32(part, crc)
    return crc
