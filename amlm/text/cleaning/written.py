"""Rules for books and encyclopedias, and for characters in any text."""

from __future__ import annotations

import re
import unicodedata

from amlm.text.cleaning.line_edits import drop, drop_if, in_turn, only_with, remove, replace

# Invisible control and format characters. Not among them: the joiners U+200C and U+200D, which
# Persian, Indic scripts and emoji need, and U+0080-U+009F, which are wrongly decoded letters.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
NOTE = (
    r"\[(?:Illustrations?|Footnotes?|Sidenote|Frontispiece|Decoration|Music|Transcriber)\b"
    r"[^\[\]]*\]"
)
BOILERPLATE = (
    *("project gutenberg", "distributed proofread", "pgdp.net"),
    *("transcriber's note", "transcriber’s note", "etext prepared by", "e-text prepared by"),
)
ENTITY = re.compile(r"&#?\w+;")


def compose(line: str) -> str:
    # NFKC would change the text.
    if line.isascii() and line.isprintable():
        return line
    return unicodedata.normalize("NFC", INVISIBLE.sub("", line))


def is_boilerplate(line: str) -> bool:
    line = line.lower()
    return any(phrase in line for phrase in BOILERPLATE)


def decode_ampersands(line: str) -> str:
    # Any other entity shows that the line is markup.
    line = line.replace("&amp;", "&")
    return "" if ENTITY.search(line) else line


# Of whole lines, before these are split into sentences.
LINE_RULES = {
    "unicode": compose,
    "capital_headers": drop_if(lambda line: line == line.upper()),
    "horizontal_rules": drop("_________"),
    "title_lines": drop("= = ="),
    "bracketed_notes": drop_if(lambda line: line.startswith("[") and line.endswith("]")),
    "short_lines": drop_if(lambda line: line.count(" ") < 3),  # mostly section headings
    "table_rows": drop(r"\|\||\b(?:rowspan|colspan|class) ?= ?[\"\d]", "|", "="),
    "inline_notes": replace(NOTE, lambda note: " " if " " in note[0] else "", "["),
    # A letter is a mark only after a word: "[T]he" is a quotation fitted into its sentence.
    "note_marks": remove(r"\[\d{1,3}\]|(?<=\S)\[[A-Z]\](?!\w)", "["),
    "category_links": remove(r"\[\[[^\[\]]*\]\]", "[["),
    "ornaments": remove(r"(?<!\S)(?:\*(?: \*){2,}|[-―]{8,})(?!\S)", "* * *", "-----", "―――――"),
    # _italic_ and =bold= lose their marks.
    "emphasis": in_turn(
        remove(r"(?<!\w)_(?!_)|(?<!_)_(?!\w)", "_"),
        replace(r"(?<![\w=])=(?=[^\s=])([^=]*[^\s=])=(?![\w=])", r"\1", "="),
    ),
    # A template lost its contents: "()" is removed, "(; born" becomes "(born".
    "empty_parentheses": in_turn(
        remove(r"\s*\([\s,;:]*\)(?!\w)", "("),
        replace(r"\([\s,;:]*[,;:][\s,;:]*", "(", "("),
    ),
}
# Of sentences.
SENTENCE_RULES = {
    # Characters lost in an encoding conversion. U+0085 is white space.
    "undecodable": drop("[\x80-\x84\x86-\x9f\ufffd]"),
    "placeholders": drop(r"\b(?:formula|codice)_\d+", "_"),
    "web_addresses": drop(r"https?://|\bwww\.\w", "://", "www."),
    "boilerplate": drop_if(is_boilerplate),
    "entities": only_with(("&",), decode_ampersands),
}
