"""What completes sentences, in general: `local_model` and `chat_server` are the two kinds."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Request(NamedTuple):
    prompt: str  # the first words of a sentence
    seed: int


@dataclass(frozen=True)
class Sampling:
    """How completions are asked for and drawn; ``{prompt}`` in the instruction is the prompt."""

    instruction: str
    max_new_tokens: int
    temperature: float

    def asked(self, prompt: str) -> list[dict[str, str]]:
        """The messages of a chat that asks for the completion of a prompt."""
        return [{"role": "user", "content": self.instruction.replace("{prompt}", prompt)}]


class Completer(Protocol):
    """Completes batches of prompts."""

    def replies(self, requests: Sequence[Request], skip: int) -> Generator[str, None, None]:
        """Yields the replies to ``requests[skip:]`` in their order.

        The requests before those belong to the same batch, and have their replies already.
        """
