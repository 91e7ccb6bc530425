"""Verbs that the changes know: the grammar's, and some that other text is full of."""

from __future__ import annotations

from amlm.sample.words import VERBS, Verb, verb_list
from amlm.text.synthetic.paraphrase.sentences import words_of

# All of these have a good passive.
MORE_VERBS = """abandon accept admire adopt approve arrest attack bury capture change command
compose conquer create criticize cross damage defeat defend deliver describe design destroy develop
direct discover edit elect establish fight/fought/fought film found hire honor ignore illustrate
interview introduce invade invent kidnap kill launch marry murder organize own perform produce
protect publish punish purchase record reject release remove replace rescue rob ruin save
shoot/shot/shot support surround trap translate"""
INTRANSITIVE = """arrive appear become/became/become begin/began/begun belong come/came/come die
disappear exist get/got/gotten happen live look move need/needed/needed remain return seem stay
think/thought/thought try work understand/understood/understood use wait agree
speak/spoke/spoken talk listen believe mean/meant/meant feel/felt/felt stand/stood/stood"""
# Their objects can have a word of their own behind them ("left the door open"), or are idioms.
TREACHEROUS = words_of(
    "have want give leave make call put take sell go set get read cut hit shut hurt"
)
TRANSITIVE = [
    verb
    for verb in [*(v for v in VERBS if v.objects and not v.particle), *verb_list(MORE_VERBS)]
    if verb.base not in TREACHEROUS and verb.base != verb.past
]
ALL_VERBS = [
    *(verb for verb in VERBS if verb.base != "have"),
    *verb_list(MORE_VERBS),
    *verb_list(INTRANSITIVE),
]


def by_form(verbs: list[Verb], form: str) -> dict[str, Verb]:
    """The verbs by one of their forms: base, third, past, participle or ing."""
    return {getattr(verb, form): verb for verb in reversed(verbs)}


PAST, BASE, THIRD = (by_form(ALL_VERBS, form) for form in ("past", "base", "third"))
