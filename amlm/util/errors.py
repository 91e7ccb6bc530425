"""Exceptions for errors that a user can fix."""

from __future__ import annotations

import errno

# Errors of the user's environment, not of the program, reported without a traceback.
ENVIRONMENT_ERRNOS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
    *(errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)


class InputError(ValueError):
    """Says what is wrong, where, and how to fix it. Commands print it without a traceback."""


class RunFinished(InputError):
    """The run in this folder has finished; a restarted sweep skips it."""
