"""Chunks of lines, bounded in number and size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Lines, and characters unless a line alone has more, that are worked on at once.
CHUNK_LINES = 8_192
CHUNK_CHARACTERS = 1 << 22


def chunks(lines: Iterable[str], most: int | None = None) -> Iterator[list[str]]:
    """Gathers lines into lists of bounded size, whether lines are short or megabytes long.

    Args:
        most: lines of a list; None: `CHUNK_LINES`.
    """
    chunk: list[str] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == (most or CHUNK_LINES) or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
