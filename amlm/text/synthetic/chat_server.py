"""An OpenAI-compatible server that completes sentences."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx2

from amlm.text.synthetic.completers import Request, Sampling
from amlm.util.errors import InputError

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds between two tries
BUSY = frozenset({408, 409, 429})  # to be tried again, as is every 5xx


class Unavailable(Exception):
    """A reply that may be better the next time; `wait` is what the server asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Server:
    """An OpenAI-compatible server; requests go out side by side and come back in order.

    Args:
        url: base address, to which ``/chat/completions`` is added.
        model: name that the server knows the model by.
        sampling: what is asked, and how the reply is drawn.
        key: of the server, or empty.
        workers: requests at the same time.
        timeout: seconds to wait for a reply.
        retries: how often a request is tried again when the server is busy, fails or is silent.
        pause: waits for so many seconds; by default until then or the end, whichever is first.
    """

    def __init__(
        self,
        url: str,
        model: str,
        sampling: Sampling,
        key: str = "",
        workers: int = 8,
        timeout: float = 60.0,
        retries: int = 6,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.url, self.model, self.sampling = url, model, sampling
        self.workers, self.retries = workers, retries
        self.over = threading.Event()  # nobody waits for replies any more
        self.pause = pause or self.over.wait
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self.client = httpx2.Client(headers=headers, timeout=timeout)
            self.address = httpx2.URL(f"{url.rstrip('/')}/chat/completions")
        except (httpx2.InvalidURL, ValueError) as error:
            raise InputError(f"url={url} is no address, or its key no key: {error}") from error

    def replies(self, requests: Sequence[Request], skip: int) -> Generator[str, None, None]:
        pool = ThreadPoolExecutor(self.workers)
        try:
            yield from pool.map(self._reply, requests[skip:])
        except BaseException:  # also when the caller has enough
            self.over.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _reply(self, request: Request) -> str:
        wait = FIRST_WAIT
        for left in range(self.retries, -1, -1):
            try:
                return self._ask(request)
            except Unavailable as error:
                if not left or self.over.is_set():
                    raise InputError(
                        f"{self.address}: {error}, after {self.retries - left + 1} tries: start "
                        "the same command again later, it goes on where it is"
                    ) from error
                self.pause(wait if error.wait is None else error.wait)
                wait = min(2 * wait, LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def _ask(self, request: Request) -> str:
        """One try.

        Raises:
            Unavailable: the server is busy or fails, is silent, or answers something else.
            InputError: trying again cannot help.
        """
        sampling = self.sampling
        body = {
            "model": self.model,
            "messages": sampling.asked(request.prompt),
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_new_tokens,
            "seed": request.seed,
        }
        try:
            answer = self.client.post(self.address, json=body)
        except (httpx2.ConnectError, httpx2.UnsupportedProtocol) as error:
            raise InputError(
                f"url={self.url} cannot be reached ({error}): is the server running, and is it the "
                "base address, e.g. http://localhost:8000/v1?"
            ) from error
        except httpx2.TransportError as error:
            raise Unavailable(f"no reply ({type(error).__name__})") from error
        if answer.status_code in BUSY or answer.status_code >= 500:
            raise Unavailable(f"status {answer.status_code}", _asked_wait(answer))
        if answer.status_code != 200:
            raise InputError(self._refused(answer))
        try:
            content = answer.json()["choices"][0]["message"]["content"]
        except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError) as error:
            raise Unavailable("a reply that is no chat completion") from error
        return content if isinstance(content, str) else ""

    def _refused(self, answer: httpx2.Response) -> str:
        advice = {
            401: "the key is missing or wrong: set the environment variable of key_variable=...",
            403: "the key may not use this model: set another one, or another api_model",
            404: f"there is no model {self.model!r} (api_model=...), or the url lacks its /v1",
        }.get(answer.status_code, "the server does not take the request")
        said = " ".join(answer.text.split())[:200]
        return f"{self.address}: status {answer.status_code}: {advice} (it says: {said})"


def _asked_wait(answer: httpx2.Response) -> float | None:
    """Seconds that a Retry-After asks for, given as a number or as a date."""
    asked = answer.headers.get("Retry-After", "")
    try:
        wait = float(asked)
    except ValueError:
        try:
            wait = parsedate_to_datetime(asked).timestamp() - time.time()
        except ValueError:
            return None
    return max(wait, 0.0)
