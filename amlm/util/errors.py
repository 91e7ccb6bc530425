"""The one exception for everything a user can put right."""

from __future__ import annotations

import errno

# What a user's machine, not the program, has to answer for: the message says enough.
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
    """What was wrong, where, and what to do. The command line prints it without a traceback."""


class RunFinished(InputError):
    """The run folder holds this very run, complete; a sweep that is started again skips it."""
