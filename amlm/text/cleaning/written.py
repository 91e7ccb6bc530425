"""Rules for books and encyclopedias, and for characters anywhere: pure functions of a line.

``is_...`` and ``has_...`` say whether a line is to go, ``without_...`` what is left of it.
"""

from __future__ import annotations

import re
import unicodedata

# Control and format characters that nobody sees. Not in it: the joiners U+200C and U+200D, which
# spell Persian, Indic scripts and emoji, and U+0080-U+009F, which are letters decoded wrongly.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
LOST = re.compile("[\x80-\x84\x86-\x9f\ufffd]")  # U+0085 is white space
ADDRESS = re.compile(r"https?://|\bwww\.\w")
NOTE = re.compile(
    r"\[(?:Illustrations?|Footnotes?|Sidenote|Frontispiece|Decoration|Music|Transcriber)\b[^\[\]]*\]"
)
# A letter is a mark after a word only: "[T]he" is a quotation fitted in.
NOTE_MARK = re.compile(r"\[\d{1,3}\]|(?<=\S)\[[A-Z]\](?!\w)")
LINK = re.compile(r"\[\[[^\[\]]*\]\]")
ORNAMENT = re.compile(r"(?<!\S)(?:\*(?: \*){2,}|[-―]{8,})(?!\S)")
ITALIC = re.compile(r"(?<!\w)_(?!_)|(?<!_)_(?!\w)")
BOLD = re.compile(r"(?<![\w=])=(?=[^\s=])([^=]*[^\s=])=(?![\w=])")
EMPTY = re.compile(r"\s*\([\s,;:]*\)(?!\w)")
EMPTY_START = re.compile(r"\([\s,;:]*[,;:][\s,;:]*")
TABLE = re.compile(r"\|\||\b(?:rowspan|colspan|class) ?= ?[\"\d]")
PLACEHOLDER = re.compile(r"\b(?:formula|codice)_\d+")
BOILERPLATE = (
    *("project gutenberg", "distributed proofread", "pgdp.net"),
    *("transcriber's note", "transcriber’s note", "etext prepared by", "e-text prepared by"),
)
ENTITY = re.compile(r"&#?\w+;")


def composed(line: str) -> str:
    """Characters in composed form (NFC), without invisible ones. NFKC would change the text."""
    if line.isascii() and line.isprintable():
        return line
    return unicodedata.normalize("NFC", INVISIBLE.sub("", line))


def is_broken(line: str) -> bool:
    """A character was lost in a conversion of the text: what stood there is anyone's guess."""
    return not line.isascii() and LOST.search(line) is not None


def is_capital(line: str) -> bool:
    """No small letter: a heading, or numbers and marks alone."""
    return line == line.upper()


def has_rule(line: str) -> bool:
    return "_________" in line


def is_title(line: str) -> bool:
    return "= = =" in line


def is_note(line: str) -> bool:
    return line.startswith("[") and line.endswith("]")


def is_short(line: str) -> bool:
    """Fewer than four words: most are headings of sections."""
    return line.count(" ") < 3


def is_table_row(line: str) -> bool:
    return ("|" in line or "=" in line) and TABLE.search(line) is not None


def has_placeholder(line: str) -> bool:
    """A formula or a piece of code was left out: ``formula_1``."""
    return "_" in line and PLACEHOLDER.search(line) is not None


def without_notes(line: str) -> str:
    return NOTE.sub(lambda note: " " if " " in note[0] else "", line) if "[" in line else line


def without_note_marks(line: str) -> str:
    return NOTE_MARK.sub("", line) if "[" in line else line


def without_links(line: str) -> str:
    return LINK.sub("", line) if "[[" in line else line


def without_ornaments(line: str) -> str:
    if not ("* * *" in line or "-----" in line or "―――――" in line):
        return line
    return ORNAMENT.sub("", line)


def without_emphasis(line: str) -> str:
    """Without the marks of italics and bold face in plain text, one underscore or equals sign."""
    if "_" in line:
        line = ITALIC.sub("", line)
    return BOLD.sub(r"\1", line) if "=" in line else line


def without_empty_parentheses(line: str) -> str:
    """What a template showed in parentheses is gone from the text; so go the marks around it."""
    if "(" not in line:
        return line
    return EMPTY_START.sub("(", EMPTY.sub("", line))


def has_address(line: str) -> bool:
    return ("://" in line or "www." in line) and ADDRESS.search(line) is not None


def is_boilerplate(line: str) -> bool:
    line = line.lower()
    return any(phrase in line for phrase in BOILERPLATE)


def without_entities(line: str) -> str:
    """``&amp;`` is an ampersand. A line with another entity is markup: nothing of it is left."""
    if "&" not in line:
        return line
    line = line.replace("&amp;", "&")
    return "" if ENTITY.search(line) else line
