"""Exceptions for errors that a user can fix."""

from __future__ import annotations

import errno

# Errors of the user's environment, not of the program, reported without a traceback.
ENVIRONMENT_ERRNOS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)
SHOWN = 400  # characters of another library's error


class InputError(ValueError):
    """Says what is wrong, where, and how to fix it. Commands print it without a traceback."""


class RunFinished(InputError):
    """The run in this folder has finished; a restarted sweep skips it."""


def in_one_line(error: BaseException) -> str:
    """Type and text of an error, for the message of an `InputError`: a long text is cut."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:SHOWN]}{' ...' if len(text) > SHOWN else ''}"
