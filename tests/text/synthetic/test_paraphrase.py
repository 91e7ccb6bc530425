"""Changes of sentences against pairs made by hand, and sentences that each must leave alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from amlm.sample.words import Dice
from amlm.text.synthetic.paraphrase import ANTONYMS, SYNONYMS, corpus_triplets, read_exchange
from amlm.text.synthetic.paraphrase.contraction import contraction
from amlm.text.synthetic.paraphrase.exchange import exchanged
from amlm.text.synthetic.paraphrase.negation import negation
from amlm.text.synthetic.paraphrase.number import number
from amlm.text.synthetic.paraphrase.order import order
from amlm.text.synthetic.paraphrase.passive import passive, roles
from amlm.text.synthetic.paraphrase.sentences import Change, takes
from amlm.util.errors import InputError

SEEDS = range(30)


def by(exchange: Mapping[str, Sequence[str]]) -> Change:
    return lambda dice, sentence: exchanged(dice, sentence, exchange)


CHANGES: dict[str, Change] = {
    "contraction": contraction,
    "order": order,
    "passive": passive,
    "roles": roles,
    "negation": negation,
    "number": number,
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
order / Because it rained, we left. / We left because it rained.
order / We left because it rained. / Because it rained, we left.
order / If the dog barks, I will go. / I will go if the dog barks.
order / When he saw her, he smiled at her. / He smiled at her when he saw her.
order / Tom was tired when he came home. / When he came home, Tom was tired.
passive / The dog chased the cat. / The cat was chased by the dog.
passive / The cats were chased by the dog. / The dog chased the cats.
passive / He wrote this book in 1990. / This book was written by him in 1990.
passive / It was directed by Jane Smith. / Jane Smith directed it.
passive / I will open the window. / The window will be opened by me.
passive / Anna helps the old men. / The old men are helped by Anna.
passive / The company built the tower of London. / The tower of London was built by the company.
roles / The dog chased the cat. / The cat chased the dog.
roles / She loves him. / He loves her.
roles / I saw them. / They saw me.
roles / You know her. / She knows you.
roles / Tom loves the cats. / The cats love Tom.
roles / He was helped by a woman. / A woman was helped by him.
roles / The king can see you. / You can see the king.
negation / She is tall. / She is not tall. | She isn't tall.
negation / She isn't tall. / She is tall.
negation / I'm a king. / I'm not a king.
negation / He went home. / He did not go home. | He didn't go home.
negation / He didn't go home. / He went home.
negation / She doesn't like it. / She likes it.
negation / She likes it. / She does not like it. | She doesn't like it.
negation / I don't know. / I know.
negation / They have a dog. / They do not have a dog. | They don't have a dog.
negation / He can swim. / He cannot swim. | He can't swim.
negation / You'll see it. / You will not see it.
negation / Don't open the door. / Open the door.
negation / A dog slept here. / A dog did not sleep here. | A dog didn't sleep here.
negation / There is a dog in it. / There is not a dog in it. | There isn't a dog in it.
number / He fed this dog. / He fed these dogs.
number / He fed those old dogs. / He fed that old dog.
number / He walked with the girl to school. / He walked with the girls to school.
antonym / It is a big dog. / It is a small dog.
antonym / It was an easy game. / It was a difficult game.
antonym / It was a difficult game. / It was an easy game.
antonym / An ugly bird came. / A beautiful bird came.
antonym / The old women came. / The young women came.
antonym / It's too hot. / It's too cold.
antonym / The water is hot. / The water is cold.
synonym / It is a big dog. / It is a large dog.
synonym / It was a strange dog. / It was an odd dog.
synonym / I fix the car. / I repair the car.
synonym / She repaired the clock. / She fixed the clock.
synonym / I saw your father. / I saw your dad.
synonym / He sat on the sofa. / He sat on the couch.
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
order / When John came, he was tired.
order / I do not know when he came.
order / I left, because it rained, and slept.
order / He didn't go because it rained.
order / After dinner, please wash up.
order / I was wondering if you could come.
order / After all, he came.
passive / The dog saw the cat.
passive / He washed his hands.
passive / He opened the door and left.
passive / The house was built by the river.
passive / He watched the boy play.
passive / Birds like the trees.
passive / He helped him.
passive / He saw the fish.
passive / He went home.
roles / The dog chased the ball.
roles / I opened the door.
roles / He knew him.
roles / She met him.
roles / I asked him to help me.
roles / He told the boy that it rained.
negation / He has never been there.
negation / I don't see any dogs.
negation / Isn't she tall?
negation / He opened the door and left.
negation / It's good isn't it.
negation / We can't help it.
negation / They put it there.
negation / I know some people.
negation / Why don't you come.
number / I saw the dog and it barked.
number / It was a dog.
number / The dog is big.
number / One of the Nokia 6300 phones.
number / There is one or two left.
number / I went to the house party.
number / It is thirty five miles off.
synonym / They had shut the door.
synonym / The repair was long.
synonym / Frightened you think he came.
antonym / She is ten years old.
antonym / They built the old house.
antonym / I waited for so long.
antonym / It won't be long.
order / I will come when I am old if he will let me.
order / Because he was in hiding, a poor refugee.
antonym / They live in New York.
antonym / That's it in a nutshell, old boy.
antonym / It took a long time to come.
synonym / I like the dog.
synonym / The close-up was good.
synonym / It is a big deal.
synonym / It is a big, large dog.
synonym / They picture the house.
"""


def rows(table: str) -> list[tuple[str, ...]]:
    return [tuple(map(str.strip, row.split(" / "))) for row in table.strip().splitlines()]


def outcomes(change: str, sentence: str) -> set[str | None]:
    return {CHANGES[change](Dice(str(seed)), sentence) for seed in SEEDS}


@pytest.mark.parametrize(("change", "sentence", "expected"), rows(CHANGED))
def test_is_changed(change: str, sentence: str, expected: str) -> None:
    assert takes(sentence)
    assert outcomes(change, sentence) == set(expected.split(" | "))


@pytest.mark.parametrize(("change", "sentence"), rows(LEFT_ALONE))
def test_is_left_alone(change: str, sentence: str) -> None:
    assert outcomes(change, sentence) == {None}


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
    assert not takes(line)


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


def test_a_given_list_goes_one_way_and_keeps_capitals_and_articles(
    written: Callable[[str, str], Path],
) -> None:
    own = by(read_exchange(written("a.tsv", "expert\tspecialist\nhumans\tpeople\n")))
    assert own(Dice("0"), "An expert came.") == "A specialist came."
    assert own(Dice("0"), "Humans are tall.") == "People are tall."
    assert own(Dice("0"), "A specialist came.") is None
    assert own(Dice("0"), "The experts came.") is None
    assert own(Dice("0"), "He is an expert-to-be.") is None


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.tsv", "big large\n", "line 1"),
        ("a.tsv", "", "expected a word"),
        ("a.json", "{", "expected a word"),
        ("a.json", '["big"]', "expected a word"),
        ("a.json", '{"big": 3}', "'big' has 3"),
        ("a.tsv", "big\tlarge!\n", "'large!' is not a word"),
    ],
)
def test_another_form_is_refused(
    written: Callable[[str, str], Path], name: str, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_exchange(written(name, text))


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.tsv is not a file"):
        read_exchange(tmp_path / "no.tsv")


# --- the changes together -----------------------------------------------------------------------

LINES = [
    "It is a big dog.",
    "The dog  chased the cat.",
    "Well.",
    "He didn't see two cats.",
    "If the dog barks, I don't go.",
    "I'm a king.",
]


def test_a_triplet_depends_on_its_sentence_and_the_seed_alone() -> None:
    all_of_them = list(corpus_triplets(LINES, 0))
    assert [triplet.anchor for triplet in all_of_them] == [
        "It is a big dog.",
        "The dog chased the cat.",
        "He didn't see two cats.",
        "If the dog barks, I don't go.",
        "I'm a king.",
    ]
    assert list(corpus_triplets(LINES[::-1], 0)) == all_of_them[::-1]
    assert [t for line in LINES for t in corpus_triplets([line], 0)] == all_of_them
    assert any(list(corpus_triplets(LINES, seed)) != all_of_them for seed in range(1, 5))


def test_the_kind_says_what_was_done() -> None:
    for seed in range(10):
        for anchor, positive, negative, kind in corpus_triplets(LINES, seed):
            same, different = kind.split("/")
            assert positive in outcomes(same, anchor)
            assert different in ("roles", "negation", "number", "antonym")
            if different != "number":  # of numbers there are many
                assert negative in outcomes(different, anchor)


def test_triplets_of_real_text(shared_data: Path) -> None:
    folder = shared_data / "babylm" / "train"
    lines = [
        line.partition(":\t" if "switchboard" in path.name else ": ")[2] or line
        for path in sorted(folder.glob("*.train"))
        for line in path.read_text("utf-8").splitlines()[:1_000]
    ]
    made = list(corpus_triplets(lines, 0))
    assert len(made) > 150
    assert len({triplet.kind for triplet in made}) >= 8
    for *texts, _ in made:
        assert len(set(texts)) == 3
        assert all(text == " ".join(text.split()) for text in texts)
        assert all(text[-1] == texts[0][-1] for text in texts)
        # A beginning is a capital in all of them, or in none of a text that has none.
        assert len({text[0].isupper() for text in texts}) == 1 or texts[0][0].islower()
        assert not any("n't n't" in text or "not not" in text or "  " in text for text in texts)
    assert made == list(corpus_triplets(lines, 0))
