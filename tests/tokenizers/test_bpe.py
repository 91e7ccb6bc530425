"""The tokenizer against the text it was given (round trip, offsets, words as `str.split()` counts
them), against UTF-8, against hand-split text, and against what transformers loads from disk."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from amlm.text.readers import read_texts
from amlm.tokenizers import bpe
from amlm.tokenizers.bpe import load_tokenizer, pieces_of, save_tokenizer, train_tokenizer
from amlm.util.errors import InputError

SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CLITICS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]

NASTY = [
    "",
    " ",
    "  ",
    " a",
    "a ",
    "  two  spaces   three ",
    "a\tb",
    "\t",
    "a\nb\n",
    "\r\n",
    "▁",
    "▁▁",
    " ▁ ",
    "▁a▁ ▁b",
    "\ue000",
    "\ue0000",
    "\ue0001",
    "a\ue0001b \ue0002",
    "\ue000\ue0000\ue0001",
    "\ue000▁",
    "▁\ue000",
    "▁1 ▁0",
    "🙂",
    "👩\u200d👩\u200d👧 🇬🇧",
    "\x01\x02 \x1f\x7f\x85",
    "e\u0301 \u0301a a\u0301\u0302",
    "é",
    "<0x0A>",
    "<0x0A> <0xZZ> <0x>",
    "[MASK]",
    "a [MASK] b[SEP][CLS] [PAD] [UNK]",
    "don't it 's they'LL o'clock 'Tis ''",
    "1,999.50 ... --- !?!? $$",
    "\xa0 \u2003 \u200b \ufeff \u2028",
    "ＦＵＬＬ ﬁ ½ ²",
    "\ufffd \ufffe \U0010ffff",
    "مرحبا हिन्दी 日本語",
]


@pytest.fixture(scope="module")
def lines(lines_of: Callable[[int, int], list[str]]) -> list[str]:
    return lines_of(1_500, 11)


@pytest.fixture(scope="module")
def tokenizer(lines: list[str]) -> Tokenizer:
    """Takes special tokens in text for text, as when the store is built."""
    tokenizer = train_tokenizer(lambda: lines, 700)
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.fixture(scope="module")
def folder(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "tokenizer"
    save_tokenizer(train_tokenizer(lambda: lines, 700), folder, max_length=1_024)
    return folder


def random_strings(count: int, seed: int) -> list[str]:
    """Strings over all of Unicode, and over the few characters that the tokenizer treats apart."""
    draw = random.Random(seed)
    alphabets = [
        "ab ▁\ue00001",
        "abé \t\n\r\x01'st<0x>A[MASK].,-12\u0301",
        "".join(map(chr, range(1, 0x250))),
        "".join(map(chr, (*range(0x300, 0xD800, 37), *range(0xE000, 0x110000, 997)))),
    ]
    return [
        "".join(draw.choices(draw.choice(alphabets), k=draw.randint(0, 24))) for _ in [0] * count
    ]


def test_ids_of_special_and_byte_tokens_are_fixed(tokenizer: Tokenizer) -> None:
    pieces = pieces_of(tokenizer)
    assert pieces[: 5 + 256] == SPECIALS + BYTES
    assert [tokenizer.token_to_id(piece) for piece in pieces] == list(range(len(pieces)))
    assert len(set(pieces)) == len(pieces) == tokenizer.get_vocab_size() == 700


@pytest.mark.parametrize("text", NASTY)
def test_any_text_comes_back_as_it_was(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text
    assert [i for i in ids if i < 5] == [1, 2]  # neither [UNK] nor a special token made of text


def test_random_text_comes_back_as_it_was(tokenizer: Tokenizer) -> None:
    texts = random_strings(500, seed=0)
    assert sum("▁" in text or "\ue000" in text for text in texts) > 50
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids) == text, repr(text)
        assert 3 not in ids


@pytest.mark.parametrize("text", ["\ue001", "🙂", "ж", "日本語", "\u0301", "\x07", "\xa0"])
def test_unknown_characters_become_their_bytes(text: str) -> None:
    tokenizer = train_tokenizer(lambda: ["ab abc abd 12"] * 3, 300)
    ids = tokenizer.encode(f"ab{text}c", add_special_tokens=False).ids
    tokens = [tokenizer.id_to_token(i) for i in ids]
    assert tokens == ["▁ab", *(f"<0x{byte:02X}>" for byte in text.encode()), "c"]


def test_every_word_has_exactly_one_token_with_the_mark(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    for text in [*NASTY, *random_strings(500, seed=1), *lines]:
        words = text.split()
        encoding = tokenizer.encode(" ".join(words), add_special_tokens=False)
        groups: list[list[int]] = []
        for token, i in zip(encoding.tokens, encoding.ids, strict=True):
            if token.startswith("▁"):
                groups.append([])
            groups[-1].append(i)
        assert [tokenizer.decode(group) for group in groups] == words, repr(text)


def test_mark_is_only_at_the_beginning_of_a_piece(tokenizer: Tokenizer) -> None:
    assert not [piece for piece in pieces_of(tokenizer) if "▁" in piece[1:]]


def written(text: str) -> list[tuple[str, int]]:
    """The characters that pieces are made of, each with the place in the text it stands for."""
    parts = [("▁", 0)] if text else []
    for at, character in enumerate(text):
        parts += [
            (each, at)
            for each in {" ": "▁", "▁": "\ue0001", "\ue000": "\ue0000"}.get(character, character)
        ]
    return parts


def test_offsets_lead_back_to_the_text(tokenizer: Tokenizer, lines: list[str]) -> None:
    for text in [*NASTY, *random_strings(300, seed=2), *lines[:300]]:
        encoding = tokenizer.encode(text)
        parts, at, started = written(text), 0, b""
        expected = [(0, 0)]
        for token in encoding.tokens[1:-1]:
            taken = parts[at : at + (1 if token in BYTES else len(token))]
            expected.append((taken[0][1], taken[-1][1] + 1))
            if token in BYTES:  # several to a character
                started += bytes([int(token[3:5], 16)])
                at += started == taken[0][0].encode()
                started = b"" if started == taken[0][0].encode() else started
            else:
                assert "".join(character for character, _ in taken) == token
                at += len(token)
        assert encoding.offsets == [*expected, (0, 0)], repr(text)
        assert at == len(parts)


def test_offsets_by_hand(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("don't it's ж")
    assert list(zip(encoding.tokens, encoding.offsets, strict=True)) == [
        ("[CLS]", (0, 0)),
        ("▁don", (0, 3)),
        ("'t", (3, 5)),
        ("▁it", (5, 8)),
        ("'s", (8, 10)),
        ("▁", (10, 11)),
        ("<0xD0>", (11, 12)),
        ("<0xB6>", (11, 12)),
        ("[SEP]", (0, 0)),
    ]


def test_single_and_pair_templates(tokenizer: Tokenizer) -> None:
    one = tokenizer.encode("da", add_special_tokens=False).ids
    two = tokenizer.encode("be li", add_special_tokens=False).ids
    assert tokenizer.encode("da").ids == [1, *one, 2]
    pair = tokenizer.encode("da", "be li")
    assert pair.ids == [1, *one, 2, *two, 2]
    assert pair.type_ids == [0] * (len(one) + 2) + [1] * (len(two) + 1)
    assert pair.special_tokens_mask == [1, *[0] * len(one), 1, *[0] * len(two), 1]


@pytest.mark.parametrize("special", SPECIALS)
def test_spelled_special_token_is_one_only_on_request(lines: list[str], special: str) -> None:
    tokenizer = train_tokenizer(lambda: lines, 700)
    text = f"da {special} be"
    assert tokenizer.encode(text, add_special_tokens=False).ids.count(SPECIALS.index(special)) == 1
    tokenizer.encode_special_tokens = True
    encoding = tokenizer.encode(text, add_special_tokens=False)
    assert min(encoding.ids) >= 5
    assert tokenizer.decode(encoding.ids) == text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("▁don't▁they'LL", ["▁don", "'t", "▁they", "'LL"]),
        ("▁o'clock▁'sam▁'s", ["▁o", "'", "clock", "▁'", "sam", "▁'s"]),
        ("▁1999▁x86", ["▁1", "9", "9", "9", "▁x", "8", "6"]),
        ("▁so...▁--▁!?!!", ["▁so", "...", "▁--", "▁!", "?", "!!"]),
        ("▁$3.50", ["▁$", "3", ".", "5", "0"]),
        ("▁cafe\u0301▁日本語", ["▁cafe\u0301", "▁日本語"]),
        ("▁▁▁a▁", ["▁", "▁", "▁a", "▁"]),
    ],
)
def test_text_is_cut_where_no_merge_may_cross(
    tokenizer: Tokenizer, text: str, pieces: list[str]
) -> None:
    cut: Any = tokenizer.pre_tokenizer
    assert [piece for piece, _ in cut.pre_tokenize_str(text)] == pieces


def test_learned_pieces_keep_to_one_kind(tokenizer: Tokenizer) -> None:
    learned = pieces_of(tokenizer)[5 + 256 :]
    assert {"'t", "'s", "▁don", "1", "▁...", "▁?"} <= set(learned)
    for piece in learned:
        body = piece.removeprefix("▁")
        letters = all(unicodedata.category(character)[0] in "LM" for character in body)
        mark = len(set(body)) == 1 and (len(body) == 1 or not body.isnumeric())
        assert letters or mark or body.lower() in CLITICS, piece


@pytest.mark.parametrize("vocab_size", [300, 340, 500, 8_192])
def test_vocabulary_size_is_an_upper_bound(lines: list[str], vocab_size: int) -> None:
    tokenizer = train_tokenizer(lambda: lines, vocab_size)
    assert tokenizer.get_vocab_size() <= vocab_size
    assert tokenizer.token_to_id("▁") is not None
    ids = tokenizer.encode(lines[0]).ids
    assert 3 not in ids and tokenizer.decode(ids) == lines[0]


def test_frequent_characters_come_before_rare_ones() -> None:
    # 64 characters are kept: the mark, 60 frequent ones, and 3 of the 40 that occur once.
    often = [chr(0x4E00 + i) for i in range(60)]
    once = [chr(0x5E00 + i) for i in range(40)]
    pieces = set(pieces_of(train_tokenizer(lambda: [*often, *often, *once], 1_000)))
    assert {"▁", *often} <= pieces
    assert len(pieces & set(once)) == 3


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_trained_twice_gives_the_same_bytes(lines: list[str], folder: Path, tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(lambda: iter(lines), 700), tmp_path / "again", max_length=1_024)
    assert files_of(tmp_path / "again") == files_of(folder)


def test_trained_twice_keeps_the_same_ones_of_equally_rare_characters() -> None:
    lines = [
        f"the quick fox {chr(0x4E00 + i % 300)}{chr(0x4E00 + 7 * i % 300)}" for i in range(900)
    ]
    assert len({train_tokenizer(lambda: lines, 1_000).to_str() for _ in range(3)}) == 1


def test_saved_tokenizer_is_the_one_trained(
    tokenizer: Tokenizer, lines: list[str], folder: Path
) -> None:
    loaded = load_tokenizer(folder)
    loaded.encode_special_tokens = True
    for text in [*NASTY, *lines]:
        assert loaded.encode(text).ids == tokenizer.encode(text).ids
    assert pieces_of(loaded) == pieces_of(tokenizer)


@pytest.mark.parametrize("loader", [PreTrainedTokenizerFast, AutoTokenizer])
def test_transformers_loads_the_saved_folder(lines: list[str], folder: Path, loader: Any) -> None:
    ours = load_tokenizer(folder)
    theirs = loader.from_pretrained(folder)
    assert isinstance(theirs, PreTrainedTokenizerFast)
    texts = [*NASTY, *lines[:300]]
    assert any("[MASK]" in text for text in texts)
    for text in texts:
        assert theirs(text)["input_ids"] == ours.encode(text).ids, repr(text)
    assert theirs("da be", "li")["input_ids"] == ours.encode("da be", "li").ids
    for text in texts:
        if not any(special in text for special in SPECIALS):
            ids = theirs(text)["input_ids"]
            assert theirs.decode(ids, skip_special_tokens=True) == text, repr(text)


def test_transformers_knows_the_special_tokens_and_the_length(folder: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(folder)
    names = ("pad_token", "cls_token", "sep_token", "unk_token", "mask_token")
    assert [getattr(theirs, name) for name in names] == SPECIALS
    assert [getattr(theirs, f"{name}_id") for name in names] == [0, 1, 2, 3, 4]
    assert sorted(theirs.all_special_ids) == [0, 1, 2, 3, 4]
    assert theirs.model_max_length == 1_024
    assert len(theirs) == 700
    assert list(theirs("da")) == ["input_ids", "attention_mask"]
    padded = theirs(["da", "da be li"], padding=True)
    assert padded["input_ids"][0][-1] == 0 and padded["attention_mask"][0][-1] == 0


def test_saved_class_name_is_one_that_older_transformers_know(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_babylm_text_comes_back_word_for_word(shared_data: Path) -> None:
    lines: list[str] = []
    for path in sorted((shared_data / "babylm" / "train").glob("*.train")):
        lines += [line for _, line in zip(range(300), read_texts(path), strict=False)]
    tokenizer = train_tokenizer(lambda: lines, 2_000)
    tokenizer.encode_special_tokens = True
    starts = 0
    for line, encoding in zip(lines, tokenizer.encode_batch(lines), strict=True):
        assert tokenizer.decode(encoding.ids) == line
        assert 3 not in encoding.ids
        starts += sum(token.startswith("▁") for token in encoding.tokens)
    assert starts == sum(len(line.split()) for line in lines)


def test_a_mask_written_into_a_text_leaves_the_words_beside_it_as_they_are(
    lines: list[str],
) -> None:
    tokenizer = train_tokenizer(lambda: lines, 700)
    for text in ("da [MASK] be", "da[MASK] be", "da  [MASK]be"):
        left, mask, right = ([*tokenizer.encode(part, add_special_tokens=False).ids]
                             for part in ("da", "[MASK]", "be"))  # fmt: skip
        assert tokenizer.encode(text, add_special_tokens=False).ids == [*left, *mask, *right]


def test_text_without_spaces_keeps_the_boundary_mark() -> None:
    # More characters than the alphabet has room for, each more frequent than the mark.
    line = "".join(chr(0x4E00 + n) for n in range(300)) * 3
    tokenizer = train_tokenizer(lambda: [line], 600)
    assert "▁" in tokenizer.get_vocab()
    encoded = tokenizer.encode(line)
    assert tokenizer.decode(encoded.ids) == line


def test_words_without_end_are_cut_while_learning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(3)
    line = "".join(dice.choices("abcdefgh", k=1_500))
    learned = train_tokenizer(lambda: [line, line], 4_000)  # uncut, the line would become a piece
    assert 100 < max(len(p) for p in pieces_of(learned) if p[0] != "<") <= bpe.LONGEST_WORD
    assert learned.decode(learned.encode(line).ids) == line
    assert bpe.counts_words_by_type(learned)  # the saved tokenizer cuts nothing

    whole = [line[: bpe.LONGEST_WORD - 1] + " " + line[:300:2]] * 2
    usual = pieces_of(train_tokenizer(lambda: whole, 1_000))
    monkeypatch.setattr(bpe, "LONGEST_WORD", 10**9)
    assert usual == pieces_of(train_tokenizer(lambda: whole, 1_000))


def test_megabytes_without_a_space_are_learned_from(lines: list[str]) -> None:
    # Uncut, this takes minutes.
    joined = "".join(lines).replace(" ", "")
    long = joined * (1_000_000 // len(joined) + 1)
    learned = train_tokenizer(lambda: [long, long], 1_000)
    assert learned.get_vocab_size() == 1_000


@pytest.mark.parametrize("content", ["", '{"version": "1.0", "model', "{}", None])
def test_a_damaged_file_of_a_store_is_named_with_what_to_do(
    content: str | None, tmp_path: Path
) -> None:
    folder = tmp_path / "store-0a" / "tokenizer"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "tokenizer.json").write_text(content)
    with pytest.raises(InputError) as raised:
        load_tokenizer(folder)
    message = str(raised.value)
    assert message.startswith(f"{folder / 'tokenizer.json'} is damaged (")
    remedy = f"remove the folder {folder.parent}, and the next run builds it again from the text"
    assert message.endswith(f"): {remedy}")


def test_progress_is_shown_while_merges_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    @contextmanager
    def passing(what: str) -> Iterator[None]:
        events.append(what)
        yield
        events.append("over")

    def lines() -> Iterator[str]:
        yield from ["some words", "some more"]
        events.append("read")

    monkeypatch.setattr(bpe, "passing_time", passing)
    train_tokenizer(lines, 300)
    assert events == ["read", "read", "learning merges", "over"]


def test_pieces_found_once_per_word_teach_what_whole_lines_teach(lines: list[str]) -> None:
    """Against the library's own training on the lines, through the whole pipeline."""
    dice = random.Random(8)
    text = [*lines[:500], *(line for line in NASTY if line == " ".join(line.split()))]
    marks = [*"09.,!?-'▁\ue000é\u0301", "'s", "'LL", "n't", "...", "日本", "x" * 300, "don't"]
    text += [" ".join("".join(dice.choices([*marks, "dog", "is"], k=3)) for _ in range(6))
             for _ in range(400)]  # fmt: skip
    ours = json.loads(train_tokenizer(lambda: text, 1_500).to_str())["model"]
    learner = bpe._pipeline(Tokenizer(models.BPE()))
    alphabet = bpe._alphabet(learner.normalizer, text, 75)
    cut = pre_tokenizers.Split(Regex(f"(?m:.{{1,{bpe.LONGEST_WORD}}})"), "isolated")
    learner.pre_tokenizer = pre_tokenizers.Sequence([learner.pre_tokenizer, cut])
    trainer = trainers.BpeTrainer(
        vocab_size=1_500 - bpe.RESERVED,
        min_frequency=2,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    learner.train_from_iterator(text, trainer)
    theirs = json.loads(learner.to_str())["model"]
    assert ours["merges"] == theirs["merges"] and len(ours["merges"]) > 500
    assert {p: i - bpe.RESERVED for p, i in ours["vocab"].items() if i >= bpe.RESERVED} == (
        theirs["vocab"]
    )
