"""Chunks of lines, bounded in number and size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Lines, and characters unless a line alone has more, that are worked on at once.
CHUNK_LINES = 8_192
CHUNK_CHARACTERS = 1 << 22


def chunks(lines: Iterable[str], most: int = CHUNK_LINES) -> Iterator[list[str]]:
    """Gathers ``most`` lines into lists, or fewer, whether lines are short or megabytes long."""
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == most or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
