"""An OpenAI-compatible server that completes sentences, asked by the `openai` client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import openai

from amlm.text.synthetic.completers import Request, Sampling
from amlm.util.errors import InputError
from amlm.util.retry import is_transient, retrying

NO_SERVER = ("ConnectError", "UnsupportedProtocol")  # of the HTTP library below the client
ADVICE = {
    401: "the key is missing or wrong: set the environment variable of key_variable=...",
    403: "the key may not use this model: set another one, or another api_model",
    404: "there is no model {!r} (api_model=...), or the url lacks its /v1",
}


class NoCompletion(Exception):
    """No reply, or one of another form; the next may be a completion."""


@dataclass
class Server:
    """An OpenAI-compatible server; requests go out side by side and come back in order."""

    url: str  # base address, to which /chat/completions is added
    model: str  # name that the server knows the model by
    sampling: Sampling
    key: str = ""  # of the server, or empty
    workers: int = 8  # requests at the same time
    timeout: float = 60.0  # seconds to wait for a reply
    retries: int = 6  # of a request, when the server is busy, fails or is silent
    pause: Callable[[float], object] | None = None  # by default until then or the end

    def __post_init__(self) -> None:
        if not self.key.isascii():
            raise InputError("the key in the variable of key_variable=... has letters of no key")
        # The client insists on a key; `_ask` sends none where there is none.
        self.client = openai.OpenAI(
            base_url=self.url, api_key=self.key or "none", timeout=self.timeout, max_retries=0
        )
        self.over = threading.Event()  # nobody waits for replies any more
        self.retrying = retrying(
            (openai.APIStatusError, NoCompletion),
            attempts=self.retries + 1,
            first_wait=0.5,
            sleep=self.pause or self.over.wait,
        )

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
        try:
            return self.retrying(self._ask, request)
        except (openai.APIStatusError, NoCompletion) as error:
            raise InputError(f"{self.url}: {self._why(error)}") from error

    def _why(self, error: openai.APIStatusError | NoCompletion) -> str:
        if isinstance(error, NoCompletion):
            what = str(error)
        else:
            what = f"status {error.status_code}"
            if not is_transient(error):
                advice = ADVICE.get(error.status_code, "the server does not take the request")
                said = shorten(error.response.text, 200)
                return f"{what}: {advice.format(self.model)} (it says: {said})"
        tries = self.retrying.statistics["attempt_number"]
        return f"{what}, after {tries} tries: start the same command again later, it resumes"

    def _ask(self, request: Request) -> str:
        if self.over.is_set():
            raise CancelledError
        messages: Any = self.sampling.asked(request.prompt)
        try:
            answer = self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                temperature=self.sampling.temperature,
                max_tokens=self.sampling.max_new_tokens,
                seed=request.seed,
                extra_headers={} if self.key else {"Authorization": openai.omit},
            )
            content = answer.choices[0].message.content
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if type(cause).__name__ not in NO_SERVER:
                raise NoCompletion(f"no reply ({type(cause).__name__})") from error
            raise InputError(
                f"url={self.url} cannot be reached ({cause}): is the server running, and is it "
                "the base address, e.g. http://localhost:8000/v1?"
            ) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise NoCompletion("a reply that is no chat completion") from error
        return content if isinstance(content, str) else ""
