"""The sentence splitter against lines of books and encyclopedias, cut by hand (at ``|``)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlm.text.cleaning.sentences import sentences
from amlm.text.lines import normalised

LINES = [
    "Bart was first.|He felt a certain responsibility.|Why?|The joke!|It was his.",
    '"Who is it?" inquired the Latin instructor.|"It is I," said Ned.',
    '"Never mind the name."|"Do you fully understand, French?"|"Yes!"|He went.',
    "“Will you come?”|‘I will,’ said she.|(She did.)|[So it is.]|Then they left.",
    "“What for, Keene?” he asked.",
    "“It is devilish,” he assented.|“A devilish religion; a devilish deed.|“Why not leave it?",
    "K. was astonished, as Mr. Kenton and Mrs. Boswell told Dr. J. B. Long of St. Oswald's.",
    "for Increase Joyce, Esq. Smith vs. Jones, cf. Sauk",
    "the Army of the U.S. Air Force went.|It left the U.S.|The base stayed in the U.S. for long.",
    "In 476 A.D. Rome fell.|He rose at 5 p.m.|He slept at 9 p.m. Monday.",
    "See No. 3 of Vol. 2, p. 11, fig. 4, of Oct. 3, c. 1942.|No.|Yes.",
    "It grew by 3.5 percent.|In 1942.|357 were killed.|84 shoppers were hurt.",
    "1. The Record that was Worth While",
    "IV. The Boat",
    "Sharon Inc. Brooklyn and Carnival Co.|They own ships, cars etc.|The end came.",
    "But... I don't know.|Well...|She came.|So... that was it… I'm off.",
    "“I pray,--and trust....|Ours is a time of need....|But the tide runs on.",
    "‘_Nov.|_See_ the rest._|_I_ think so.",
    "We use .NET and e.g. Python, i.e. Linux, at example.com.|And so on",
    "Yahoo! he cried.|It's 5 o'clock!|“Dad!",
    "at last--Mr. Fortescue came, and Lieut.-Col. Gordon.",
    "Élan came.|École too. été",
    "No end here",
    "",
]


@pytest.mark.parametrize("line", LINES)
def test_cuts_where_one_would_by_hand(line: str) -> None:
    assert sentences(line.replace("|", " ")) == line.split("|")


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["He", "I", "Mr", "J", "3", "so", "U.S", ".", "...", '"', "! ", " "]))
)
def test_pieces_are_the_line_and_are_not_cut_again(parts: list[str]) -> None:
    line = normalised("".join(parts))
    pieces = sentences(line)
    assert " ".join(pieces) == line
    assert [piece for each in pieces for piece in sentences(each)] == pieces
