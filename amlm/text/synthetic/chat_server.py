"""Completes sentences with a model behind an OpenAI-compatible server."""

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
from amlm.util.secrets import masked

NO_SERVER = ("ConnectError", "UnsupportedProtocol")  # of the HTTP library below the client
ADVICE = {
    401: "the key is missing or wrong: set the environment variable of key_variable=...",
    403: "the key may not use this model: set another one, or another api_model",
    404: "there is no model {!r} (api_model=...), or the url lacks /v1",
}


class NoCompletion(Exception):
    """No response, or a malformed one; a retry may succeed."""


@dataclass
class Server:
    """A chat server; sends requests concurrently and yields the replies in order."""

    url: str  # base address, to which /chat/completions is added
    model: str  # the server's name of the model
    sampling: Sampling
    key: str = ""  # API key, or empty
    workers: int = 8  # concurrent requests
    timeout: float = 60.0  # seconds to wait for a response
    retries: int = 6  # per request, while the server is busy, failing or silent
    pause: Callable[[float], object] | None = None  # waits some seconds; default: until `over`

    def __post_init__(self) -> None:
        if not self.key.isascii():
            raise InputError("the key in the variable of key_variable=... is not ASCII")
        # The client requires a key; `_ask` does not send this one.
        self.client = openai.OpenAI(
            base_url=self.url, api_key=self.key or "none", timeout=self.timeout, max_retries=0
        )
        self.over = threading.Event()  # replies are no longer needed
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
        except BaseException:  # including the closing of this generator
            self.over.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _reply(self, request: Request) -> str:
        try:
            return self.retrying(self._ask, request)
        except (openai.APIStatusError, NoCompletion) as error:
            raise InputError(f"{masked(self.url)}: {self._reason(error)}") from error

    def _reason(self, error: openai.APIStatusError | NoCompletion) -> str:
        if isinstance(error, NoCompletion):
            reason = str(error)
        else:
            reason = f"status {error.status_code}"
            if not is_transient(error):
                advice = ADVICE.get(error.status_code, "the server rejects the request")
                response = shorten(error.response.text, 200)
                return f"{reason}: {advice.format(self.model)} (response: {response})"
        attempts = self.retrying.statistics["attempt_number"]
        return f"{reason}, after {attempts} attempts: repeat the command later, it resumes"

    def _ask(self, request: Request) -> str:
        if self.over.is_set():
            raise CancelledError
        messages: Any = self.sampling.messages(request.prompt)
        try:
            response = self.client.chat.completions.create(
                model=self.model,
                messages=messages,
                temperature=self.sampling.temperature,
                max_tokens=self.sampling.max_new_tokens,
                seed=request.seed,
                extra_headers={} if self.key else {"Authorization": openai.omit},
            )
            content = response.choices[0].message.content
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if type(cause).__name__ not in NO_SERVER:
                raise NoCompletion(f"no response ({type(cause).__name__})") from error
            raise InputError(
                f"url={masked(self.url)} cannot be reached ({cause}): is the server running, and "
                "is it the base address, e.g. http://localhost:8000/v1?"
            ) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise NoCompletion("the response is not a chat completion") from error
        # Half a surrogate pair, as of an emoji that is cut off, cannot be written.
        return content.encode(errors="replace").decode() if isinstance(content, str) else ""
