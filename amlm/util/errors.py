"""The exception for everything that a user can fix."""

from __future__ import annotations

import errno

# Errors of the user's environment, not of the program: their message needs no traceback.
ENVIRONMENT_ERRNOS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
)


class InputError(ValueError):
    """Says what was wrong, where, and what to do. Commands print it without a traceback."""


class RunFinished(InputError):
    """The run folder already has this run, finished; a restarted sweep skips it."""
