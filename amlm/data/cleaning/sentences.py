"""Splitting a line into sentences, by regular expressions and a list of abbreviations.

A line is only cut at spaces, so that its sentences have its words. In doubt it is not cut.
"""

from __future__ import annotations

import re

# A stop, what may close after it, a space, and what may open before a capital letter or a figure.
BOUNDARY = re.compile(
    r"(?P<stop>[.!?…]+)[\"'”’»)\]_*]* (?=(?P<opens>[\"'“‘«(\[_*¿¡—–-]*)(?P<first>\w)(?P<word>[\w'’]*))"
)
LAST_WORD = re.compile(r"[\w.'’-]*$")
DOTTED = re.compile(r"(?:\w\.)*\w$")  # with the last stop: J. or U.S.
NUMBER = re.compile(r"[\W_]*(?:\d+|[IVXLC]+|[A-Za-z])$")

# Never the end of a sentence.
TITLES = frozenset(
    "Mr Mrs Ms Messrs Dr Drs Prof Rev Hon St Ste Mt Ft Capt Col Gen Lt Maj Sgt Cpl Cmdr Adm Gov Sen"
    " Rep Pres Supt Mme Mlle Mons Msgr Fr Esq vs cf viz approx incl esp".split()
)
# Not the end before a figure.
BEFORE_NUMBERS = frozenset(
    "No no Nos nos p pp Fig fig Figs figs Vol vol Vols vols Ch ch Chap chap Sec sec Art art c ca v"
    " Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec".split()
)
# The end only before a word that begins sentences.
OFTEN_WITHIN = frozenset(
    "Jr Sr Co Cos Corp Inc Ltd Bros etc al ed eds Ave Blvd Rd dept Dept".split()
)
STARTERS = frozenset(
    "A After All Although An And As At Because Before But By During Each For From He Her His How"
    " However If In It Its Many More Most My No Not On One Other Our Several She Since So Some That"
    " The Their Then There These They This Those Though To Under Until Upon We What When Where"
    " Whether Which While Who Why With You Your".split()
)


def _within(before: str, found: re.Match[str]) -> bool:
    """Whether a stop and a space before a capital letter or a figure are within a sentence.

    Args:
        before: the sentence up to the stop.
        found: a match of `BOUNDARY`.
    """
    first, word = found["first"], found["first"] + found["word"]
    if not (first.isupper() or first.isdigit()):
        return True
    stop = found["stop"]
    if stop == "…" or stop.endswith(".."):  # a pause, or the end
        return word == "I" or word[:2] in ("I'", "I’")
    if stop != ".":
        return False
    last = LAST_WORD.search(before)
    assert last is not None, "matches nothing, too"
    abbreviation = last[0]
    if abbreviation in TITLES or NUMBER.match(before):  # a number of a list or of a chapter
        return True
    if first.isdigit() and abbreviation in BEFORE_NUMBERS:
        return True
    if abbreviation in OFTEN_WITHIN or (DOTTED.match(abbreviation) and not abbreviation.isdigit()):
        return word not in STARTERS
    return False


def sentences(line: str) -> list[str]:
    """The sentences of a line with single spaces; joined by spaces they are the line."""
    found = []
    start = 0
    for match in BOUNDARY.finditer(line):
        if not _within(line[start : match.start()], match):
            found.append(line[start : match.end() - 1])
            start = match.end()
    found.append(line[start:])
    return found
