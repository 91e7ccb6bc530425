"""Realises structures: pure functions from phrases and clauses to text."""

from __future__ import annotations

from dataclasses import replace

from amlm.sample.morphology import article
from amlm.sample.structures import (
    ACTIVE,
    NP,
    PASSIVE,
    PLURAL,
    PP,
    SINGULAR,
    Agreement,
    Clause,
    Embedded,
    Phrase,
    agreement,
    pronoun,
    surface_subject,
)
from amlm.sample.words import BE, DO, HAVE, Verb

SUBJECT, OBJECT, POSSESSIVE, REFLEXIVE = range(4)  # the cases: columns of PRONOUNS
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
MODALS = frozenset({"can", "could", "will", "would", "must", "should", "may", "might"})
NOT = {"will": "won't", "can": "can't", "am": "am not", "may": "may not", "might": "might not"}
CLITICS = {
    "am": "'m", "is": "'s", "are": "'re", "have": "'ve", "has": "'s", "had": "'d",
    "will": "'ll", "would": "'d",
}  # fmt: skip


def join(*parts: str) -> str:
    """Joins the non-empty parts with spaces."""
    return " ".join(filter(None, parts))


# --- verbs --------------------------------------------------------------------------------------


def inflect(verb: Verb, form: str, agreement: Agreement) -> str:
    """One form of a verb: base, present, past, participle or ing."""
    person, number, _ = agreement
    third = person == 3 and number == SINGULAR
    if verb is BE and form == "present":
        return "is" if third else "am" if (person, number) == (1, SINGULAR) else "are"
    if verb is BE and form == "past":
        return "was" if number == SINGULAR and person != 2 else "were"
    if form == "present":
        return verb.third if third else verb.base
    forms = {"past": verb.past, "participle": verb.participle, "ing": verb.ing}
    return forms.get(form, verb.base)


def verb_chain(clause: Clause) -> list[str]:
    """The verbs in order, each in the form that the previous one requires: has been eaten."""
    chain = [clause.tense] if clause.tense in MODALS or clause.tense == "to" else []
    form = clause.tense  # of the next verb; `inflect` gives the base form for a modal or `to`
    for auxiliary, used, asks in (
        (HAVE, clause.perfect, "participle"),
        (BE, clause.progressive, "ing"),
        (BE, clause.voice != ACTIVE, "participle"),
    ):
        if used:
            chain.append(inflect(auxiliary, form, agreement(clause)))
            form = asks
    return [*chain, inflect(clause.verb, form, agreement(clause))]


def operator(clause: Clause, needed: bool = True) -> tuple[str, list[str]]:
    """The auxiliary used by negation and questions, and the remaining verbs.

    Without an auxiliary, it is a form of `do` if `needed`, else "".
    """
    chain = verb_chain(clause)
    if len(chain) > 1 or clause.verb is BE:
        return chain[0], chain[1:]
    if not needed:
        return "", chain
    return inflect(DO, clause.tense, agreement(clause)), [clause.verb.base]


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
        text = f"{article(text) if np.determiner == 'a' else np.determiner} {text}"
    if case == POSSESSIVE and not np.joined:
        text += "'" if np.number == PLURAL and text.endswith("s") else "'s"
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
    """Everything after the verbs."""
    companions = list(clause.companions)
    before = ""
    if clause.recipient_first and companions and clause.voice == ACTIVE:
        recipient = companions.pop(0)
        assert isinstance(recipient, PP), "a recipient is a phrase with `to`"
        before = noun_phrase(recipient.np)
    shown = clause.obj if clause.voice == ACTIVE and gap != "object" else None
    obj, particle = noun_phrase(shown) if shown else "", clause.verb.particle
    if shown and shown.said != "full" and particle in ("up", "on", "off"):
        obj, particle = particle, obj  # picked it up
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
    """The clause in declarative word order, without capital letter and full stop."""
    clause, first = _fronted(clause)
    subject = surface_subject(clause)
    text, said = noun_phrase(subject, SUBJECT), predicate(clause, gap)
    auxiliary, _, rest = said.partition(" ")
    # "I've eaten", but "I have a hat", where it is not an auxiliary.
    auxiliary = auxiliary if operator(clause, needed=False)[0] else ""
    if clause.contracted and subject.said == "pronoun" and auxiliary in CLITICS:
        text, said = text + CLITICS[auxiliary], rest
    return join(first, text, said)


def _fronted(clause: Clause) -> tuple[Clause, str]:
    """The clause and its fronted part; a repeated mention of the subject becomes a pronoun."""
    when = clause.when
    if isinstance(when, Embedded) and when.clause.subject == clause.subject:
        later = pronoun(clause.subject)
        if clause.fronted:
            clause = replace(clause, subject=later)
        else:
            clause = replace(clause, when=replace(when, clause=replace(when.clause, subject=later)))
    comma = "" if when in ("then", "now") else ","
    return clause, phrase(when) + comma if clause.fronted else ""


def inverted(clause: Clause, gap: str = "") -> str:
    """The clause in interrogative word order."""
    auxiliary, verbs = operator(clause)
    late_not = "not" if clause.negated and not clause.contracted else ""
    first = negative(auxiliary) if clause.negated and clause.contracted else auxiliary
    subject = noun_phrase(surface_subject(clause), SUBJECT)
    return join(first, subject, late_not, clause.adverb, *verbs, complements(clause, gap))


# --- sentences ----------------------------------------------------------------------------------


def say(text: str, mark: str = ".") -> str:
    """A text as a sentence, with a capital letter and a punctuation mark."""
    return text[0].upper() + text[1:] + mark


def sentence(clause: Clause) -> str:
    return say(statement(clause))


def question(clause: Clause, word: str = "", gap: str = "") -> str:
    """A yes/no question, or a wh-question for the constituent of `gap`."""
    return say(join(word, inverted(clause, gap)), "?")


def short_form(clause: Clause, yes: bool) -> tuple[str, str]:
    """Pronoun and auxiliary that stand for a whole clause: ("she", "doesn't")."""
    auxiliary, _ = operator(clause)
    subject = noun_phrase(pronoun(surface_subject(clause)), SUBJECT)
    return subject, auxiliary if yes else negative(auxiliary)


def short_answer(clause: Clause, yes: bool) -> str:
    """Yes, she does."""
    subject, auxiliary = short_form(clause, yes)
    return f"{'Yes' if yes else 'No'}, {subject} {auxiliary}."
