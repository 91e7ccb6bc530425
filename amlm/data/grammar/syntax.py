"""Sentences as structures, and the pure functions that say them.

A `Clause` keeps its logical subject and object whatever its form, so that a passive, a negation,
a question or a swap of roles is one `replace`; agreement, do-support, contractions and pronouns are
worked out when the clause is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from amlm.data.grammar.words import BE, DO, HAVE, Noun, Verb, article

SINGULAR, PLURAL = "singular", "plural"
SUBJECT, OBJECT, POSSESSIVE, REFLEXIVE = range(4)  # the cases: columns of PRONOUNS
ACTIVE, PASSIVE, SHORT_PASSIVE = "active", "passive", "short passive"  # short: no agent is said
# (person, number, gender) of the phrase that decides about a form.
Agreement: TypeAlias = tuple[int, str, str]

PRONOUNS: dict[Agreement, tuple[str, str, str, str]] = {
    (1, SINGULAR, ""): ("I", "me", "my", "myself"),
    (2, SINGULAR, ""): ("you", "you", "your", "yourself"),
    (3, SINGULAR, "m"): ("he", "him", "his", "himself"),
    (3, SINGULAR, "f"): ("she", "her", "her", "herself"),
    (3, SINGULAR, "n"): ("it", "it", "its", "itself"),
    (3, SINGULAR, "c"): ("they", "them", "their", "themself"),
    (1, PLURAL, ""): ("we", "us", "our", "ourselves"),
    (3, PLURAL, ""): ("they", "them", "their", "themselves"),
}
MODALS = frozenset(["can", "could", "will", "would", "must", "should", "may", "might"])
NOT = {"will": "won't", "can": "can't", "am": "am not", "may": "may not", "might": "might not"}
CLITICS = {"am": "'m", "is": "'s", "are": "'re", "have": "'ve", "has": "'s", "had": "'d",
           "will": "'ll", "would": "'d"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NP:
    """A noun phrase, said in full, as a `pronoun` or as a `reflexive`."""

    noun: Noun
    number: str = SINGULAR
    determiner: str = "the"  # "a" stands for a and an, "" for none
    adjectives: tuple[str, ...] = ()
    owner: NP | None = None  # in the determiner's place
    after: tuple[PP | Embedded, ...] = ()
    joined: NP | None = None  # "... and ..."
    gender: str = ""  # where the noun leaves it open
    person: int = 3
    said: str = "full"

    @property
    def agreement(self) -> Agreement:
        number = PLURAL if self.joined else self.number
        open_gender = number == PLURAL or self.person < 3
        return self.person, number, "" if open_gender else self.gender or self.noun.gender


@dataclass(frozen=True, slots=True)
class PP:
    preposition: str
    np: NP


@dataclass(frozen=True, slots=True)
class Embedded:
    """A clause inside a phrase; `gap` (subject, object or none) is what its word stands for."""

    word: str  # who, that, because, ... or ""
    clause: Clause
    gap: str = ""


Phrase: TypeAlias = "NP | PP | Embedded | str"


@dataclass(frozen=True, slots=True)
class Clause:
    subject: NP
    verb: Verb
    obj: NP | None = None
    companions: tuple[Phrase, ...] = ()
    tense: str = "past"  # past, present, base, a modal, "to" (infinitive) or "ing"
    perfect: bool = False
    progressive: bool = False
    voice: str = ACTIVE
    negated: bool = False
    contracted: bool = False
    recipient_first: bool = False  # the first companion, "to ...", before the object
    adverb: str = ""  # beside the verb: often, never, ever
    when: str | PP | Embedded = ""  # a time, a place, or an adverbial clause
    fronted: bool = False  # `when` comes first
    agreement: Agreement | None = (
        None  # in the subject's place: `there is`, and errors made on purpose
    )


def pronoun(np: NP) -> NP:
    """The same referent, said as a pronoun."""
    return replace(np, said="pronoun", joined=None, number=np.agreement[1])


def reflexive(np: NP) -> NP:
    """The same referent as the object of its own clause."""
    return replace(pronoun(np), said="reflexive")


def surface_subject(clause: Clause) -> NP:
    """What stands before the verb."""
    if clause.voice == ACTIVE:
        return clause.subject
    assert clause.obj, "a passive needs an object"
    return clause.obj


# --- verbs --------------------------------------------------------------------------------------


def inflect(verb: Verb, form: str, agreement: Agreement) -> str:
    """One form of a verb: base, present, past, participle or ing."""
    person, number, _ = agreement
    third = person == 3 and number == SINGULAR
    if verb is BE and form in ("present", "past"):
        if (person, number) == (1, SINGULAR):
            return "am" if form == "present" else "was"
        return ("is" if form == "present" else "was") if third else (
            "are" if form == "present" else "were")  # fmt: skip
    if form == "present":
        return verb.third if third else verb.base
    forms = {"past": verb.past, "participle": verb.participle, "ing": verb.ing}
    return forms.get(form, verb.base)


def verb_chain(clause: Clause) -> list[str]:
    """The verbs in order, each in the form that the one before it asks for: has been eaten."""
    agreement = clause.agreement or surface_subject(clause).agreement
    chain = [clause.tense] if clause.tense in MODALS or clause.tense == "to" else []
    form = clause.tense  # of the next verb; `inflect` answers a modal or `to` with the base
    for auxiliary, used, asks in (
        (HAVE, clause.perfect, "participle"),
        (BE, clause.progressive, "ing"),
        (BE, clause.voice != ACTIVE, "participle"),
    ):
        if used:
            chain.append(inflect(auxiliary, form, agreement))
            form = asks
    return [*chain, inflect(clause.verb, form, agreement)]


def operator(clause: Clause, needed: bool = True) -> tuple[str, list[str]]:
    """The auxiliary that negation and questions use, and the other verbs.

    Where there is no auxiliary it is a form of `do` if `needed`, else "".
    """
    chain = verb_chain(clause)
    if len(chain) > 1 or clause.verb is BE:
        return chain[0], chain[1:]
    if not needed:
        return "", chain
    agreement = clause.agreement or surface_subject(clause).agreement
    return inflect(DO, clause.tense, agreement), [clause.verb.base]


def negative(auxiliary: str) -> str:
    """The contracted negative of an auxiliary."""
    return NOT.get(auxiliary) or auxiliary + "n't"


# --- phrases ------------------------------------------------------------------------------------


def noun_phrase(np: NP, case: int = OBJECT) -> str:
    if np.said != "full":
        return PRONOUNS[np.agreement][REFLEXIVE if np.said == "reflexive" else case]
    head = np.noun.lemma if np.number == SINGULAR else np.noun.plural
    text = " ".join((*np.adjectives, head))
    if np.owner:
        text = f"{noun_phrase(np.owner, POSSESSIVE)} {text}"
    elif np.determiner:
        determiner = article(text) if np.determiner == "a" else np.determiner
        text = f"{determiner} {text}"
    if case == POSSESSIVE and not np.joined:
        text += "'" if np.number == PLURAL and text.endswith("s") else "'s"
    if np.after:
        text = join(text, *map(phrase, np.after))
    return f"{text} and {noun_phrase(np.joined, case)}" if np.joined else text


def phrase(item: Phrase) -> str:
    match item:
        case str():
            return item
        case PP():
            return f"{item.preposition} {noun_phrase(item.np)}"
        case NP():
            return noun_phrase(item)
        case Embedded(gap="subject") | Embedded(clause=Clause(tense="to" | "ing")):
            return join(item.word, predicate(item.clause))
        case _:
            return join(item.word, statement(item.clause, item.gap))


def complements(clause: Clause, gap: str = "") -> str:
    """All that follows the verbs."""
    companions = list(clause.companions)
    before = ""
    if clause.recipient_first and companions and clause.voice == ACTIVE:
        recipient = companions.pop(0)
        assert isinstance(recipient, PP)
        before = noun_phrase(recipient.np)
    shown = clause.obj if clause.voice == ACTIVE and gap != "object" else None
    obj, particle = noun_phrase(shown) if shown else "", clause.verb.particle
    if shown and shown.said != "full" and particle in ("up", "on", "off"):
        obj, particle = particle, obj
    agent = f"by {noun_phrase(clause.subject)}" if clause.voice == PASSIVE else ""
    when = "" if clause.fronted else phrase(clause.when)
    return join(before, particle, obj, agent, *map(phrase, companions), when)


def predicate(clause: Clause, gap: str = "") -> str:
    """The clause without its subject."""
    auxiliary, verbs = operator(clause, needed=clause.negated)
    if clause.negated:
        full = "cannot" if auxiliary == "can" else f"{auxiliary} not"
        auxiliary = negative(auxiliary) if clause.contracted else full
    return join(auxiliary, clause.adverb, *verbs, complements(clause, gap))


def statement(clause: Clause, gap: str = "") -> str:
    """The clause in the order of a statement, without capital and full stop."""
    clause, first = _shared_subject(clause)
    subject, said = noun_phrase(surface_subject(clause), SUBJECT), predicate(clause, gap)
    auxiliary, _, rest = said.partition(" ")
    has_clitic = surface_subject(clause).said != "full" and operator(clause, needed=False)[0]
    if clause.contracted and has_clitic and auxiliary in CLITICS:
        return join(first, subject + CLITICS[auxiliary], rest)
    return join(first, subject, said)


def _shared_subject(clause: Clause) -> tuple[Clause, str]:
    """The clause and its fronted part; of two mentions of one subject the later is a pronoun."""
    when = clause.when
    if isinstance(when, Embedded) and when.clause.subject == clause.subject:
        if clause.fronted:
            clause = replace(clause, subject=pronoun(clause.subject))
        else:
            inner = replace(when.clause, subject=pronoun(clause.subject))
            clause = replace(clause, when=replace(when, clause=inner))
    comma = "" if when in ("then", "now") else ","
    return clause, phrase(when) + comma if clause.fronted else ""


def inverted(clause: Clause, gap: str = "") -> str:
    """The clause in the order of a question."""
    auxiliary, verbs = operator(clause)
    late_not = "not" if clause.negated and not clause.contracted else ""
    first = negative(auxiliary) if clause.negated and clause.contracted else auxiliary
    subject = noun_phrase(surface_subject(clause), SUBJECT)
    return join(first, subject, late_not, clause.adverb, *verbs, complements(clause, gap))


# --- sentences ----------------------------------------------------------------------------------


def join(*parts: str) -> str:
    """The parts that are not empty, with spaces."""
    return " ".join(filter(None, parts))


def say(text: str, mark: str = ".") -> str:
    """A text as a sentence: a capital and a mark."""
    return text[0].upper() + text[1:] + mark


def sentence(clause: Clause) -> str:
    return say(statement(clause))


def question(clause: Clause, word: str = "", gap: str = "") -> str:
    """A yes/no question, or one that asks with a word for what `gap` leaves out."""
    return say(join(word, inverted(clause, gap)), "?")


def short_answer(clause: Clause, yes: bool) -> str:
    """Yes, she does."""
    subject, auxiliary = short_form(clause, yes)
    return f"{'Yes' if yes else 'No'}, {subject} {auxiliary}."


def short_form(clause: Clause, yes: bool) -> tuple[str, str]:
    """Pronoun and auxiliary that stand for a whole clause: ("she", "doesn't")."""
    auxiliary, _ = operator(clause)
    subject = noun_phrase(pronoun(surface_subject(clause)), SUBJECT)
    return subject, auxiliary if yes else negative(auxiliary)
