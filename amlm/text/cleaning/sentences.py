"""Splitting a line into sentences, by regular expressions and a list of abbreviations.

A line is only split at spaces, which preserves its words, and in doubt it is not split.
"""

from __future__ import annotations

import re

# A stop, closing marks, a space, and opening marks before a capital letter or a digit.
BOUNDARY = re.compile(r"(?P<stop>[.!?…]+)[\"'”’»)\]_*]* (?=[\"'“‘«(\[_*¿¡—–-]*(?P<next>\w[\w'’]*))")
LAST_WORD = re.compile(r"[\w.'’]*$")
DOTTED = re.compile(r"(?:\w\.)*[^\W\d]")  # with the last stop: J. or U.S.
NUMBER = re.compile(r"[\W_]*(?:\d+|[IVXLC]+|[A-Za-z])")
LONGEST = 16  # more letters than any abbreviation has


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Never the end of a sentence.
TITLES = _set(
    "Mr Mrs Ms Messrs Dr Drs Prof Rev Hon St Ste Mt Ft Capt Col Gen Lt Maj Sgt Cpl Cmdr Adm Gov Sen"
    " Rep Pres Supt Mme Mlle Mons Msgr Fr Esq vs cf viz approx incl esp"
)
# Not the end before a number.
BEFORE_NUMBERS = _set(
    "No no Nos nos p pp Fig fig Figs figs Vol vol Vols vols Ch ch Chap chap Sec sec Art art c ca v"
    " Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec"
)
# The end only before a word that often begins sentences.
OFTEN_WITHIN = _set("Jr Sr Co Cos Corp Inc Ltd Bros etc al ed eds Ave Blvd Rd dept Dept")
STARTERS = _set(
    "A After All Although An And As At Because Before But By During Each For From He Her His How"
    " However If In It Its Many More Most My No Not On One Other Our Several She Since So Some That"
    " The Their Then There These They This Those Though To Under Until Upon We What When Where"
    " Whether Which While Who Why With You Your"
)


def _within(before: str, stop: str, after: str) -> bool:
    """Whether a stop before a space is within a sentence.

    Args:
        before: the sentence up to the stop.
        stop: ``.``, ``?!``, ``...``
        after: the next word, without punctuation.
    """
    if not (after[0].isupper() or after[0].isdigit()):
        return True
    if stop == "…" or stop.endswith(".."):  # a pause, or the end
        return after == "I" or after[:2] in ("I'", "I’")
    if stop != ".":
        return False
    found = LAST_WORD.search(before[-LONGEST:])
    assert found is not None, "the pattern also matches nothing"
    last = found[0]
    if last in TITLES or NUMBER.fullmatch(before):  # the number of a chapter or in a list
        return True
    if after[0].isdigit() and last in BEFORE_NUMBERS:
        return True
    if last in OFTEN_WITHIN or DOTTED.fullmatch(last):
        return after not in STARTERS
    return False


def sentences(line: str) -> list[str]:
    """Splits a line into sentences; joined by spaces they are the line."""
    found = []
    start = 0
    for match in BOUNDARY.finditer(line):
        if not _within(line[start : match.start()], match["stop"], match["next"]):
            found.append(line[start : match.end() - 1])
            start = match.end()
    found.append(line[start:])
    return found
