"""The client of the Hugging Face Hub, which a server cannot make wait without a bound."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from amlm.util.errors import InputError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LONGEST_WAIT = 720.0  # seconds before one of the five retries of a request: an hour in all


def hub(endpoint: str | None = None) -> HfApi:
    """The client; `bound_waits` holds."""
    from huggingface_hub import HfApi

    bound_waits()
    return HfApi(endpoint=endpoint)


@cache
def bound_waits() -> None:
    """Makes every request of `huggingface_hub` in this process fail where a busy server asks for
    more than `LONGEST_WAIT`; the library itself waits as long as it is told to."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> Any:
        made = default_client_factory()
        made.event_hooks["response"].append(_refuse_long_waits)
        return made

    set_client_factory(client)


def _refuse_long_waits(response: Any) -> None:
    from huggingface_hub.utils._http import parse_ratelimit_headers

    if response.status_code != 429 and response.status_code < 500:
        return
    limit = parse_ratelimit_headers(response.headers)
    asked = limit.reset_in_seconds if limit and not limit.remaining else 0
    stated = response.headers.get("Retry-After", "")
    asked = max(asked, int(stated) if stated.isdigit() else 0)
    if asked > LONGEST_WAIT:
        raise InputError(
            f"{response.url.host} asks to wait {asked:,} seconds before another request (status "
            f"{response.status_code}): repeat the command then"
        )
