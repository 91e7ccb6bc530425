"""Which failed requests are retried, and after how long; `tenacity` does the rest."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

LONGEST_BACKOFF = 60.0  # seconds
LONGEST_WAIT = 3_600.0  # seconds that a server can make a call wait in all; OSF limits by hour


def retrying(
    errors: tuple[type[Exception], ...], attempts: int, first_wait: float, **more: Any
) -> Retrying:
    """Retries a call after transient errors; the last exception is raised unchanged.

    The wait is the server's ``Retry-After`` if there is one, else it doubles each time. A call is
    not retried if it would have waited more than `LONGEST_WAIT` in all.

    Args:
        errors: exceptions of a request, with the response in ``response`` if there is one.
        attempts: maximum number of calls.
        first_wait: first wait in seconds, if the server does not specify one.
        more: further options of `tenacity.Retrying`.
    """
    backoff = wait_exponential(multiplier=first_wait, max=LONGEST_BACKOFF)

    def wait(state: RetryCallState) -> float:
        requested = _retry_after(state.outcome.exception() if state.outcome else None)
        return backoff(state) if requested is None else requested

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, errors) and is_transient(error)),
        wait=wait,
        stop=lambda state: (
            state.attempt_number >= attempts or state.idle_for + state.upcoming_sleep > LONGEST_WAIT
        ),
        reraise=True,
        **more,
    )


def is_transient(error: BaseException) -> bool:
    """Whether there was no response, or its status says that the server is busy or failing."""
    response = getattr(error, "response", None)
    if response is None:
        return True
    return response.status_code in (408, 409, 429) or response.status_code >= 500


def _retry_after(error: BaseException | None) -> float | None:
    """The response's ``Retry-After`` in seconds, from a number or a date; None if there is none."""
    response = getattr(error, "response", None)
    value = "" if response is None else response.headers.get("Retry-After", "")
    try:
        seconds = float(value)
        return max(0.0, seconds) if seconds == seconds else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):  # no date, or none of this era
        return None
