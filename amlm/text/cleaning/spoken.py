"""Rules for transcripts of talk and for subtitles: pure functions of a line.

``is_...`` says whether a line is to go, ``without_...`` what is left of it.
"""

from __future__ import annotations

import re

MARKS = ".,?!;:"
FIRST_MARK = re.compile(r"^\s*[.,?!;:]+\s")
FILE_NAME = re.compile(r"= = = \S+ = = =")
# Now and then two utterances share a line, so that a code stands within it.
SPEAKER_CODE = re.compile(r"(?<!\S)\*[A-Z][A-Z0-9]{0,5}:|^[AB]:(?!\S)")
TIER = re.compile(r"(?<!\S)%[a-z]{3}:.*")
SQUARE = re.compile(r"\s*\[[^\[\]]*\]")
ROUND = re.compile(r"\s*\([^()]*\)")
CURLY_OR_TAG = re.compile(r"\{[^{}]*\}|</?[A-Za-z][^<>]*>")
UNHEARD = re.compile(r"(?<!\S)(?:xxx|yyy|www)(?=[.,?!]*(?:\s|$))")
COMMENT = re.compile(r"\*.*")
CREDIT_HINTS = (  # one of them is in every match of `CREDIT`, and they are found sooner
    *("subtitle", "sync", "ripped", "encoded", "translated", "caption", "addic7ed", "podnapisi"),
    *("air date", "next episode", "season"),
)
CREDIT = re.compile(  # in small letters
    r"\bsubtitles? ?(?:created |edited |translated )?(?:by\b|:)|\bsubtitled by\b|\bitfc subtitles\b"
    r"|\b(?:re)?sync(?:ed|hroni[sz]ed)?(?:,| and| &)? ?(?:corrected )?(?:by\b|:)"
    r"|^(?:ripped|encoded|translated) by\b|\bcaption(?:s|ed|ing)? (?:by|sponsored)\b"
    r"|opensubtitles|addic7ed|podnapisi|\boriginal air date\b|\bnext episode preview\b"
    r"|\bseason \d+,? episode \d+"
)
MUSIC = re.compile(r"[♩♪♫♬¶]+|(?<!\S)[#*]+(?=[.,?!]*(?:\s|$))")
# At the start, or where a sentence has ended; a dash at a number is a minus.
DASH = re.compile(r"(?:^|(?<=[.!?…\"”’'])\s)(?:[-–—]+(?:\s+|(?=[^\W\d]|[\"'“‘¿¡.])))+")
SPEAKER_NAME = re.compile(
    r"(?:^|(?<=[.!?…\"”)\]}–—-]\s))[A-Z][A-Z.'’-]+(?: [A-Z0-9][A-Z0-9.'’#-]*){0,3} ?:(?:\s+|$)"
)
SECOND_MARK = re.compile(r"(?<=[.,?!])\s[.,](?=\s|$)")
SPACED_MARK = re.compile(r"(?<=[\w'\"’”)])\s(?=[.,?!;:](?:\s|$))")


def _gap(match: re.Match[str]) -> str:
    """What is left where something was cut: a space if it had one, unless a mark follows."""
    follows = match.string[match.end() : match.end() + 1]
    return " " if " " in match[0] and follows not in MARKS else ""


def _cut(pattern: re.Pattern[str], line: str) -> str:
    """The line without all matches, and nothing of it if no word is left but a speaker's code.

    ``ah [sighs], yes`` becomes ``ah, yes``. No word is made of two, or two of one.
    """
    left = pattern.sub(_gap, line)
    if left == line:
        return line
    while (inner := pattern.sub(_gap, left)) != left:  # brackets in brackets
        left = inner
    if line[0] not in MARKS:
        left = FIRST_MARK.sub("", left)
    return left if any(map(str.isalnum, SPEAKER_CODE.sub("", left))) else ""


def without_file_names(line: str) -> str:
    return _cut(FILE_NAME, line) if "= = =" in line else line


def without_speaker_codes(line: str) -> str:
    return SPEAKER_CODE.sub("", line)


def without_tiers(line: str) -> str:
    """Without what a transcript says of an utterance on a line of its own, run into it here."""
    return _cut(TIER, line) if "%" in line else line


def without_annotations(line: str) -> str:
    return _cut(SQUARE, line) if "[" in line else line


def is_unheard(line: str) -> bool:
    """Part of it nobody understood (``xxx``, ``yyy``) or nobody wrote down (``www``)."""
    return UNHEARD.search(line) is not None


def without_comments(line: str) -> str:
    return COMMENT.sub("", line) if "*" in line else line


def is_credit(line: str) -> bool:
    line = line.lower()
    return any(hint in line for hint in CREDIT_HINTS) and CREDIT.search(line) is not None


def without_formatting(line: str) -> str:
    return _cut(CURLY_OR_TAG, line) if "{" in line or "<" in line else line


def without_sound_notes(line: str) -> str:
    """Without what is heard or who speaks, in brackets: subtitles hardly use them otherwise."""
    if "[" in line:
        line = _cut(SQUARE, line)
    return _cut(ROUND, line) if "(" in line else line


def without_music_marks(line: str) -> str:
    return _cut(MUSIC, line)


def without_dashes(line: str) -> str:
    if not ("-" in line or "–" in line or "—" in line):
        return line
    return DASH.sub(lambda match: " " if match.start() else "", line)


def without_speaker_names(line: str) -> str:
    """Without a speaker's name in capitals, unless everything is in capitals."""
    if ":" not in line or (line.isupper() and not line.endswith(":")):
        return line
    return SPEAKER_NAME.sub("", line)


def with_marks_closed_up(line: str) -> str:
    """Marks at their words: where words were left out, marks are set apart or doubled.

    An ellipsis of three spaced points stays.
    """
    if " . . ." in line:
        return line
    return SPACED_MARK.sub("", SECOND_MARK.sub("", line))
