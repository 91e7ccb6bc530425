"""The sample corpus: families of lines, mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from amlm.data.grammar import lines
from amlm.data.grammar.dialogues import dialogue
from amlm.data.grammar.nonce import nonce_lines
from amlm.data.grammar.stories import story
from amlm.data.grammar.words import Dice, Pool

# The families and how often each is drawn.
FAMILIES: dict[Callable[[Dice], list[str]], float] = {
    lines.one_sentence: 30,
    lines.sequence: 8,
    lines.reason: 5,
    lines.reported: 4,
    lines.wishing: 4,
    lines.deeds: 3,
    lines.alike: 2.5,
    lines.quality: 5,
    lines.comparison: 1.5,
    lines.existence: 3,
    lines.tagged: 2,
    lines.command: 3,
    lines.quantified: 2,
    lines.ever: 2,
    lines.kinds: 0.5,
    lines.sums: 1.5,
    dialogue: 13,
    story: 7,
    nonce_lines: 9,
}


def sample_lines(seed: int, words: int) -> Iterator[str]:
    """Lines of the sample corpus, the same for a seed everywhere.

    One sentence, dialogue turn or small story a line.

    Args:
        seed: of the text; the language (its lexicon and its invented words) is always the same.
        words: stop after the line with which `len(line.split())` sums to at least this many.

    Yields:
        Lines without line ends.
    """
    dice = Dice(f"sample {seed}")
    families = Pool(list(FAMILIES), list(FAMILIES.values()))
    seen = 0
    while seen < words:
        for line in dice.draw(families)(dice):
            yield line
            seen += len(line.split())
            if seen >= words:
                return
