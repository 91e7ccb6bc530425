"""Parts of speech of the types of an English vocabulary, from surface forms alone.

A type has no context, so a form with several readings gets one of them (*that* is a conjunction).
Closed classes and frequent words are listed, others guessed from suffixes and capitals; a word that
no rule knows is a noun. Pieces that do not begin a word are a class of their own.
"""

from __future__ import annotations

from amlm.tokenizers.bpe import BOUNDARY
from amlm.tokenizers.surfaces import kind_of

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


def part_of_speech(surface: str | None) -> str:
    """The part of speech of a type; ``continuation``, ``punctuation``, ``number`` or ``byte`` if it
    begins no word (see `amlm.tokenizers.surfaces.kind_of`)."""
    kind = kind_of(surface)
    word = "" if surface is None else surface.removeprefix(BOUNDARY)
    if word.lower() in FORMS and (kind == "word" or word.startswith("'")):
        return FORMS[word.lower()]
    if kind != "word":
        return kind
    for name, endings in SUFFIXES:
        if any(word.endswith(end) and len(word) >= len(end) + 2 for end in endings):
            return name
    return "name" if word[0].isupper() and word[1:].islower() else "noun"
