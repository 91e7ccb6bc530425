"""When a request to a server is worth repeating, and after how long; `tenacity` does the rest."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

LONGEST_BACKOFF = 60.0  # seconds
LONGEST_WAIT = 3_600.0  # seconds that a server may ask for; OSF counts requests by the hour


def retrying(
    errors: tuple[type[Exception], ...], attempts: int, first_wait: float, **more: Any
) -> Retrying:
    """Repeats a call while it may do better later; the last exception is raised as it is.

    It waits as long as the server asks for, or twice as long each time. A server that asks for more
    than `LONGEST_WAIT` is not waited for.

    Args:
        errors: exceptions of a request, with the answer in ``response`` if there is one.
        attempts: calls in all.
        first_wait: seconds, where the server asks for none.
        more: other options of `tenacity.Retrying`.
    """
    backoff = wait_exponential(multiplier=first_wait, max=LONGEST_BACKOFF)

    def wait(state: RetryCallState) -> float:
        asked = _retry_after(state.outcome.exception() if state.outcome else None)
        return backoff(state) if asked is None else asked

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, errors) and is_transient(error)),
        wait=wait,
        stop=lambda state: state.attempt_number >= attempts or state.upcoming_sleep > LONGEST_WAIT,
        reraise=True,
        **more,
    )


def is_transient(error: BaseException) -> bool:
    """Whether no answer came, or one whose status says that the server is busy or fails."""
    answer = getattr(error, "response", None)
    return answer is None or answer.status_code in (408, 409, 429) or answer.status_code >= 500


def _retry_after(error: BaseException | None) -> float | None:
    """Seconds that an answer asks to wait, given as a number or as a date."""
    answer = getattr(error, "response", None)
    asked = "" if answer is None else answer.headers.get("Retry-After", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
