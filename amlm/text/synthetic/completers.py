"""The protocol of models that complete sentences: `local_model` and `chat_server`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Request(NamedTuple):
    prompt: str  # the first words of a sentence
    seed: int


@dataclass(frozen=True)
class Sampling:
    """How completions are requested and sampled."""

    instruction: str  # contains {prompt}
    max_new_tokens: int
    temperature: float

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """A chat that requests the completion of a prompt."""
        return [{"role": "user", "content": self.instruction.replace("{prompt}", prompt)}]


class Completer(Protocol):
    """Completes batches of prompts."""

    def replies(self, requests: Sequence[Request], skip: int) -> Generator[str, None, None]:
        """Yields the replies to ``requests[skip:]``, in order; earlier ones have theirs already."""
