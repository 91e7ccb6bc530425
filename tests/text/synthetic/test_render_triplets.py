"""What a model sees of a triplet, against the lines written out by hand."""

from __future__ import annotations

import pytest

from amlm.text.lines import SEGMENT
from amlm.text.synthetic.render_triplets import RENDERINGS, render

TRIPLET = ("The dog  barked.", "A dog barked.\n", "The dog slept.")


def test_renderings() -> None:
    shown = {how: render(TRIPLET, how) for how in RENDERINGS}
    assert shown == {
        "separate": ["The dog barked.", "A dog barked.", "The dog slept."],
        "pair": ["The dog barked. A dog barked."],
        "joined": [f"The dog barked.{SEGMENT}A dog barked.{SEGMENT}The dog slept."],
    }


def test_words_are_the_same_whether_separate_or_joined() -> None:
    (joined,) = render(TRIPLET, "joined")
    assert joined.split() == " ".join(render(TRIPLET, "separate")).split()


def test_an_unknown_rendering_is_refused() -> None:
    with pytest.raises(ValueError, match="'pairs' is not one of separate, pair, joined"):
        render(TRIPLET, "pairs")
