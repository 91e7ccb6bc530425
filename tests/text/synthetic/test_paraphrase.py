"""Changes of sentences against pairs made by hand, and sentences that each must leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from amlm.text.synthetic.paraphrase import ANTONYMS, SYNONYMS, corpus_triplets, read_exchange
from amlm.text.synthetic.paraphrase.contraction import contraction_edits
from amlm.text.synthetic.paraphrase.corpus_triplets import is_plain
from amlm.text.synthetic.paraphrase.edits import Edit
from amlm.text.synthetic.paraphrase.exchange import exchange_edits
from amlm.text.synthetic.paraphrase.negation import negation_edits
from amlm.text.synthetic.paraphrase.number import number_edits
from amlm.util.errors import InputError

Change = Callable[[str], Iterator[Edit]]


def by(exchange: Mapping[str, Sequence[str]]) -> Change:
    return lambda sentence: exchange_edits(sentence, exchange)


CHANGES: dict[str, Change] = {
    "contraction": contraction_edits,
    "negation": negation_edits,
    "number": number_edits,
    "synonym": by(SYNONYMS),
    "antonym": by(ANTONYMS),
}
# Change, sentence, what may become of it ("|" between several).
CHANGED = """
contraction / I don't know. / I do not know.
contraction / I do not know. / I don't know.
contraction / Don't go there. / Do not go there.
contraction / He can't swim. / He cannot swim.
contraction / They won't come. / They will not come.
contraction / They will not come. / They won't come.
contraction / It’s a dog. / It is a dog.
contraction / It is a dog. / It's a dog.
contraction / It's been a year. / It has been a year.
contraction / he's going home. / he is going home.
contraction / I'd like a cake. / I would like a cake.
contraction / You'd better run. / You had better run.
contraction / Let's go home. / Let us go home.
contraction / I’m sure he does not know. / I am sure he does not know. | I’m sure he doesn’t know.
contraction / You like it, don't you, I'm sure. / You like it, don't you, I am sure.
negation / She is tall. / She is not tall.
negation / She isn't tall. / She is tall.
negation / I'm a king. / I'm not a king.
negation / That’s my dog. / That’s not my dog.
negation / He didn't go home. / He did go home.
negation / She doesn't like it. / She does like it.
negation / I don't know. / I know.
negation / They won't come. / They will come.
negation / He can swim. / He cannot swim.
negation / He cannot swim. / He can swim.
negation / Don't open the door. / Open the door.
negation / The old mine was closed in 1910. / The old mine was not closed in 1910.
negation / I think the will is lost. / I think the will is not lost.
negation / There is a dog in it. / There is not a dog in it.
antonym / It is a big dog. / It is a small dog.
antonym / It was an easy game. / It was a difficult game.
antonym / It was a difficult game. / It was an easy game.
antonym / An ugly bird came. / A beautiful bird came.
antonym / It's too hot. / It's too cold.
antonym / The water is hot. / The water is cold.
antonym / It is a small dog. / It is a big dog. | It is a large dog.
synonym / I saw your father. / I saw your dad.
synonym / He sat on the sofa. / He sat on the couch.
synonym / My mom is here. / My mother is here.
"""
LEFT_ALONE = """
contraction / Isn't he tall?
contraction / You like it, don't you?
contraction / Why don't they come?
contraction / Yes, it is.
contraction / The dog's bone is old.
contraction / It's gone away.
contraction / I know what it is in English.
contraction / I'd put it there.
contraction / He will not only sing but dance.
contraction / You and I will go.
contraction / What could we have done?
negation / He has never been there.
negation / I don't see any dogs.
negation / Isn't she tall?
negation / Is she tall?
negation / What is his name.
negation / It's good isn't it.
negation / We can't help it.
negation / They put it there.
negation / I can see some people.
negation / Why don't you come.
negation / I don't know if he came.
negation / She don't like it.
negation / Yes, it is.
negation / He's gone away.
negation / I don't.
number / One of the Nokia 6300 phones.
number / There is one or two left.
number / It is thirty five miles off.
number / About two thirds of them came.
number / It was Figgy Two Socks again.
synonym / Look out, mother!
synonym / They like the mother tongue.
synonym / The father and the dad came.
antonym / She is ten years old.
antonym / I waited for so long.
antonym / It won't be long.
antonym / They live in Big Bend.
antonym / It took a long time to come.
antonym / The close-up was good.
antonym / It is a big deal.
antonym / It is a big and a small dog.
"""


def rows(table: str) -> list[tuple[str, ...]]:
    return [tuple(map(str.strip, row.split(" / "))) for row in table.strip().splitlines()]


def outcomes(change: Change, sentence: str) -> set[str]:
    return {edit.apply(sentence) for edit in change(sentence)}


@pytest.mark.parametrize(("change", "sentence", "expected"), rows(CHANGED))
def test_is_changed(change: str, sentence: str, expected: str) -> None:
    assert is_plain(sentence)
    assert outcomes(CHANGES[change], sentence) == set(expected.split(" | "))


@pytest.mark.parametrize(("change", "sentence"), rows(LEFT_ALONE))
def test_sentence_is_unchanged(change: str, sentence: str) -> None:
    assert outcomes(CHANGES[change], sentence) == set()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("He died in 1945.", {f"He died in {year}." for year in range(1936, 1955) if year != 1945}),
        ("He came on 26 May.", {f"He came on {day} May." for day in range(17, 29) if day != 26}),
        # Never "5 of 3".
        (
            "I saw 3 of 5.",
            {"I saw 2 of 5.", "I saw 4 of 5."} | {f"I saw 3 of {n}." for n in (4, *range(6, 15))},
        ),
        (
            "Two men came.",
            {
                f"{numeral} men came."
                for numeral in (
                    *("Three", "Four", "Five", "Six", "Seven"),
                    *("Eight", "Nine", "Ten", "Eleven", "Twelve"),
                )
            },
        ),
    ],
)
def test_a_number_becomes_each_one_near_it_that_keeps_their_order(
    sentence: str, expected: set[str]
) -> None:
    assert outcomes(number_edits, sentence) == expected


@pytest.mark.parametrize(
    "line",
    [
        "*MOT: look at the dog.",
        "A: I know.",
        'He said, "I know."',
        "I saw it (the dog).",
        "The dog slept . .",
        "I went. He came.",
        "the dog slept",
        "I know.",
        "= = The dog = =",
        "I I want the dog.",
        "I want the xxx here.",
        "He went to see Mr.",
        "YOU CAN HAVE IT.",
        " ".join(["very"] + ["big", "old"] * 16) + ".",
    ],
)
def test_other_lines_than_plain_sentences_are_not_taken(line: str) -> None:
    assert not is_plain(line)


# --- lists of words -----------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_list_is_read_alike_from_both_forms(written: Callable[[str, str], Path]) -> None:
    rows = written("a.tsv", "purchase\tbuy\n\npurchase\tacquire\nHuge\tenormous\n")
    tree = written("a.json", '{"purchase": ["buy", "acquire"], "huge": "enormous"}')
    expected = {"purchase": ["buy", "acquire"], "huge": ["enormous"]}
    assert read_exchange(rows) == read_exchange(tree) == expected


def test_a_custom_list_works_one_way_and_keeps_capitals_and_articles(
    written: Callable[[str, str], Path],
) -> None:
    own = by(read_exchange(written("a.tsv", "expert\tspecialist\nhumans\tpeople\n")))
    assert outcomes(own, "An expert came.") == {"A specialist came."}
    assert outcomes(own, "Humans are tall.") == {"People are tall."}
    for other in ("A specialist came.", "The experts came.", "He is an expert-to-be."):
        assert outcomes(own, other) == set()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "big large\n", "line 1"),
        ("a.tsv", "", "expected lines of word"),
        ("a.json", "{", "expected lines of word"),
        ("a.json", '["big"]', "expected lines of word"),
        ("a.json", '{"big": 3}', "'big' has 3"),
        ("a.tsv", "big\tlarge!\n", "'large!' is not a word"),
    ],
)
def test_malformed_lists_are_refused(
    written: Callable[[str, str], Path], name: str, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_exchange(written(name, text))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.tsv is not a file"):
        read_exchange(tmp_path / "no.tsv")


# --- the changes together -----------------------------------------------------------------------

LINES = [
    "It is a  big dog.",
    "The dog chased the cat.",  # nothing keeps its meaning
    "I don't see any dogs.",  # nothing changes it
    "Well.",
    "He didn't see two cats.",
    "Your mother is happy.",
    "I'm a king.",
]
TAKEN = ["It is a big dog.", "He didn't see two cats.", "Your mother is happy.", "I'm a king."]


def test_a_triplet_depends_on_its_sentence_and_the_seed_alone() -> None:
    all_of_them = list(corpus_triplets(LINES, 0))
    assert [triplet.anchor for triplet in all_of_them] == TAKEN
    assert list(corpus_triplets(LINES[::-1], 0)) == all_of_them[::-1]
    assert [t for line in LINES for t in corpus_triplets([line], 0)] == all_of_them
    assert any(list(corpus_triplets(LINES, seed)) != all_of_them for seed in range(1, 5))


def test_kinds_match_the_changes_and_all_occur() -> None:
    drawn = set()
    for seed in range(30):
        for anchor, positive, negative, kind in corpus_triplets(LINES, seed):
            same, different = kind.split("/")
            assert positive in outcomes(CHANGES[same], anchor)
            assert negative in outcomes(CHANGES[different], anchor)
            drawn |= {same, different}
    assert drawn == set(CHANGES)


def test_triplets_of_real_text(shared_data: Path) -> None:
    folder = shared_data / "babylm" / "train"
    lines = [
        line.partition(":\t" if "switchboard" in path.name else ": ")[2] or line
        for path in sorted(folder.glob("*.train"))
        for line in path.read_text("utf-8").splitlines()[:1_000]
    ]
    made = list(corpus_triplets(lines, 0))
    assert len(made) > 150
    negatives = {triplet.kind.partition("/")[2] for triplet in made}
    assert negatives == {"antonym", "number", "negation"}
    for *texts, _ in made:
        assert len(set(texts)) == 3
        assert all(text == " ".join(text.split()) for text in texts)
        assert all(text[-1] == texts[0][-1] for text in texts)
        # A beginning is a capital in all of them, or in none of a text that has none.
        assert len({text[0].isupper() for text in texts}) == 1 or texts[0][0].islower()
        assert not any("n't n't" in text or "not not" in text or "  " in text for text in texts)
    assert made == list(corpus_triplets(lines, 0))
