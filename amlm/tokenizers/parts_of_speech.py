"""Parts of speech of the types of an English vocabulary, from surface forms alone.

A type has no context, so a form with several readings gets one of them (*that* is a conjunction).
Pieces that do not begin a word are a class of their own. Two taggers give the same classes:

- ``lexicon``: closed classes and frequent words are listed, others guessed from suffixes and
  capitals; a word that no rule knows is a noun;
- ``hanta``: the most likely tag by the morphology of a word (the Hanover Tagger, Wartena 2019, with
  the tags of the British National Corpus); an extra of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec

from amlm.tokenizers.bpe import BOUNDARY
from amlm.tokenizers.surfaces import kind_of
from amlm.util.errors import InputError

TAGGERS = ("lexicon", "hanta")

CLOSED = {
    "determiner": "a an the this these those every each either neither some any no all both half "
    "another such what which whose my your his her its our their many much few several most more",
    "pronoun": "i you he she it we they me him us them mine yours hers ours theirs myself yourself "
    "himself herself itself ourselves yourselves themselves who whom whoever something anything "
    "nothing everything someone anyone everyone somebody anybody nobody everybody none one "
    "whatever",
    "preposition": "of in to for with on at from by about into through over after before between "
    "under against during without within along across behind beyond among around near off above "
    "below beside besides toward towards upon onto until since despite except inside outside past "
    "per via like than as up down out",
    "conjunction": "and or but nor so yet because if although though while whereas unless whether "
    "that when where why how once",
    "auxiliary": "be am is are was were been being have has had having do does did done will would "
    "shall should can could may might must ought ain't 's 're 've 'll 'd 'm",
    "adverb": "not n't 't never always often sometimes usually ever already still just only too "
    "very quite rather really almost also even again here there now then today tomorrow yesterday "
    "soon later away back well maybe perhaps please else instead together however therefore",
    "interjection": "oh ah yes no yeah hey hello hi wow ok okay hmm mhm uh um huh ooh goodbye bye "
    "alas mm er erm",
    "number": "two three four five six seven eight nine ten eleven twelve twenty thirty hundred "
    "thousand million billion first second third",
    "verb": "go goes went gone get gets got make makes made say says said see sees saw seen come "
    "comes came take takes took taken know knows knew known think thinks thought want wants like "
    "look looks put puts give gives gave given let lets tell tells told find finds found eat eats "
    "ate eaten sit sits sat run runs ran keep keeps kept leave leaves left feel feels felt bring "
    "brings brought begin begins began begun write writes wrote hear hears heard need needs try "
    "tries ask asks show shows play plays turn turns call calls stand stands stood seem seems "
    "become becomes became hold holds held speak speaks spoke read reads",
    "adjective": "good bad big small little large old new young long short high low great other "
    "same own red blue green black white yellow brown nice pretty happy sad right wrong hot cold "
    "true full free hard easy early late different important better best worse worst last next",
}
# The first class that lists a form has it.
FORMS = {form: name for name, forms in reversed(CLOSED.items()) for form in forms.split()}
SUFFIXES = (  # the first that fits a word of at least two more letters
    ("adverb", ("ly", "wards", "wise")),
    ("noun", ("tion", "sion", "ment", "ness", "ity", "ship", "hood", "ance", "ence", "ism", "ist")),
    ("noun", ("tions", "sions", "ments", "ities", "ers", "ors", "er", "or")),
    ("adjective", ("ous", "ful", "less", "able", "ible", "ical", "ish", "ive", "ic", "al", "est")),
    ("verb", ("ing", "ed", "ize", "ise", "ify", "ated", "ates")),
)


CLAWS = {  # the tags of the British National Corpus by their beginnings
    "determiner": ("AT", "DP", "DT"),
    "pronoun": ("PN", "EX"),
    "preposition": ("PR", "TO"),
    "conjunction": ("CJ",),
    "auxiliary": ("VB", "VD", "VH", "VM", "POS"),
    "adverb": ("AV", "XX"),
    "interjection": ("ITJ",),
    "number": ("CRD", "ORD"),
    "verb": ("VV",),
    "adjective": ("AJ",),
    "name": ("NP",),
}


def check_tagger(tagger: str) -> None:
    """Raises InputError if the package of a tagger is not installed."""
    if tagger == "hanta" and find_spec("HanTa") is None:
        raise InputError("tagger=hanta is not installed: pip install 'amlm[pos]'")


def parts_of_speech(surfaces: Sequence[str | None], tagger: str = "lexicon") -> list[str]:
    """The part of speech of each type; ``continuation``, ``punctuation``, ``number`` or ``byte`` if
    it begins no word (see `amlm.tokenizers.surfaces.kind_of`).

    Raises:
        InputError: the tagger is not installed.
    """
    check_tagger(tagger)
    tag = _by_hanta() if tagger == "hanta" else _by_lexicon
    return [_part_of_speech(surface, tag) for surface in surfaces]


def _part_of_speech(surface: str | None, tag: Callable[[str], str]) -> str:
    kind = kind_of(surface)
    word = "" if surface is None else surface.removeprefix(BOUNDARY)
    return tag(word) if kind == "word" or _is_clitic(word) else kind


def _is_clitic(word: str) -> bool:
    return word.startswith("'") and word.lower() in FORMS


def _by_lexicon(word: str) -> str:
    if word.lower() in FORMS:
        return FORMS[word.lower()]
    for name, endings in SUFFIXES:
        if word[2:].endswith(endings):
            return name
    return "name" if word[0].isupper() and word[1:].islower() else "noun"


def _by_hanta() -> Callable[[str], str]:
    model = import_module("HanTa.HanoverTagger").HanoverTagger("morphmodel_en.pgz")

    def tag(word: str) -> str:
        found = model.tag_word(word)
        claws = found[0][0] if found else ""
        return next((name for name, tags in CLAWS.items() if claws.startswith(tags)), "noun")

    return tag
