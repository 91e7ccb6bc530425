"""The sample corpus: a mixture of families of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from amlm.sample import remarks, statements
from amlm.sample.dialogues import dialogue
from amlm.sample.nonce import nonce_lines
from amlm.sample.stories import story
from amlm.sample.words import Dice, Pool

# The families and their weights.
FAMILIES: dict[Callable[[Dice], list[str]], float] = {
    statements.plain: 30,
    statements.sequence: 8,
    statements.reason: 5,
    statements.quality: 5,
    statements.reported: 4,
    statements.wishing: 4,
    statements.deeds: 3,
    statements.existence: 3,
    statements.comparison: 1.5,
    remarks.command: 3,
    remarks.alike: 2.5,
    remarks.tagged: 2,
    remarks.quantified: 2,
    remarks.ever: 2,
    remarks.sums: 1.5,
    remarks.kinds: 0.5,
    dialogue: 13,
    nonce_lines: 9,
    story: 7,
}


def sample_lines(seed: int, words: int) -> Iterator[str]:
    """Lines of the sample corpus, reproducible from the seed on every machine.

    Each line is one sentence, dialogue turn or small story.

    Args:
        seed: seed of the text; the language (lexicon and nonce words) is always the same.
        words: stop after the line at which the total of `len(line.split())` reaches this number.

    Yields:
        Lines without newline characters.
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
