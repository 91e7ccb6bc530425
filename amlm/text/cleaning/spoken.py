"""Rules for transcripts of speech and for subtitles, in the order in which they are applied."""

from __future__ import annotations

import re

from amlm.text.cleaning.line_edits import (
    SPEAKER_CODE,
    cut,
    drop,
    drop_if,
    in_turn,
    only_with,
    remove,
    replace,
)

SQUARE_BRACKETS, ROUND_BRACKETS = r"\s*\[[^\[\]]*\]", r"\s*\([^()]*\)"
CREDIT_HINTS = (  # every match of `CREDIT` contains one of them, and they are found faster
    *("subtitle", "sync", "ripped", "encoded", "translated", "caption", "addic7ed", "podnapisi"),
    *("air date", "next episode", "season"),
)
CREDIT = re.compile(  # in lower case
    r"\bsubtitles? ?(?:created |edited |translated )?(?:by\b|:)|\bsubtitled by\b|\bitfc subtitles\b"
    r"|\b(?:re)?sync(?:ed|hroni[sz]ed)?(?:,| and| &)? ?(?:corrected )?(?:by\b|:)"
    r"|^(?:ripped|encoded|translated) by\b|\bcaption(?:s|ed|ing)? (?:by|sponsored)\b"
    r"|opensubtitles|addic7ed|podnapisi|\boriginal air date\b|\bnext episode preview\b"
    r"|\bseason \d+,? episode \d+"
)
# At the start, or where a sentence has ended; a dash before a number is a minus.
DASH = r"(?:^|(?<=[.!?…\"”’'])\s)(?:[-–—]+(?:\s+|(?=[^\W\d]|[\"'“‘¿¡.])))+"
SPEAKER_NAME = re.compile(
    r"(?:^|(?<=[.!?…\"”)\]}–—-]\s))[A-Z][A-Z.'’-]+(?: [A-Z0-9][A-Z0-9.'’#-]*){0,3} ?:(?:\s+|$)"
)
REPEATED_MARK = re.compile(r"(?<=[.,?!])\s[.,](?=\s|$)")
SPACED_MARK = re.compile(r"(?<=[\w'\"’”)])\s(?=[.,?!;:](?:\s|$))")


def remove_speaker_codes(line: str) -> str:
    return SPEAKER_CODE.sub("", line)


def is_credit(line: str) -> bool:
    line = line.lower()
    return any(hint in line for hint in CREDIT_HINTS) and CREDIT.search(line) is not None


def remove_speaker_names(line: str) -> str:
    if line.isupper() and not line.endswith(":"):  # a shouted line
        return line
    return SPEAKER_NAME.sub("", line)


def close_up_marks(line: str) -> str:
    # An ellipsis of three spaced points stays.
    return line if " . . ." in line else SPACED_MARK.sub("", REPEATED_MARK.sub("", line))


RULES = {
    "file_names": cut(r"= = = \S+ = = =", "= = ="),
    "speaker_codes": remove_speaker_codes,  # *MOT: and A:
    # %add: and %int:, which annotate an utterance; they have lines of their own in CHILDES, but
    # have run into it here.
    "tiers": cut(r"(?<!\S)%[a-z]{3}:.*", "%"),
    "annotations": cut(SQUARE_BRACKETS, "["),
    # Lines of which part was not understood (xxx, yyy) or not transcribed (www).
    "unintelligible": drop(r"(?<!\S)(?:xxx|yyy|www)(?=[.,?!]*(?:\s|$))"),
    "transcriber_comments": remove(r"\*.*", "*"),
    "credits": drop_if(is_credit),
    "formatting": cut(r"\{[^{}]*\}|</?[A-Za-z][^<>]*>", "{", "<"),
    # Sounds or the speaker in brackets; subtitles hardly use brackets otherwise.
    "sound_notes": in_turn(cut(SQUARE_BRACKETS, "["), cut(ROUND_BRACKETS, "(")),
    "music_marks": cut(r"[♩♪♫♬¶]+|(?<!\S)[#*]+(?=[.,?!]*(?:\s|$))"),
    "dialogue_dashes": replace(DASH, lambda match: " " if match.start() else "", "-", "–", "—"),
    "speaker_names": only_with((":",), remove_speaker_names),
    # Where words were removed, marks are left spaced or doubled.
    "spaced_marks": close_up_marks,
}
