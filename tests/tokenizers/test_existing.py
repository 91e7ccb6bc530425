"""Tokenizers made by others: their ids against those of `tokenizers` and `transformers` for what
these wrote, on generated, real and any text; roles against hand-made settings; torn files."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from amlm.text.readers import read_texts
from amlm.tokenizers.bpe import counts_words_by_type, save_tokenizer
from amlm.tokenizers.existing import existing_files, load_existing
from amlm.tokenizers.special_tokens import special_ids, special_tokens
from amlm.util.errors import InputError

ANY_TEXT = settings(max_examples=150, derandomize=True, deadline=None)


def byte_level() -> Tokenizer:
    """In the manner of RoBERTa."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def word_piece() -> Tokenizer:
    """In the manner of BERT."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def unigram() -> Tokenizer:
    """In the manner of XLNet, with another token for each role."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


SPECIALS = {
    "byte_level": ["<s>", "<pad>", "</s>", "<unk>"],
    "word_piece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "unigram": ["<none>", "<unk>", "<from>", "<to>", "<hole>"],
}


PADDING = {"byte_level": "<pad>", "word_piece": "[PAD]", "unigram": "<none>"}


@pytest.fixture(scope="module")
def made(
    lines_of: Callable[[int, int], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Folders of `transformers` with a tokenizer of each kind, trained on generated lines."""
    lines = [line.replace("[", "(").replace("]", ")") for line in lines_of(1_500, 5)]
    folders: dict[str, Path] = {}
    for make, trainer, roles in [
        (byte_level, trainers.BpeTrainer, {}),
        (word_piece, trainers.WordPieceTrainer, {}),
        (
            unigram,
            trainers.UnigramTrainer,
            {
                "pad_token": "<none>",
                "bos_token": "<from>",
                "sep_token": "<to>",
                "mask_token": "<hole>",
            },
        ),
    ]:
        name = make.__name__
        options: dict[str, Any] = {"special_tokens": SPECIALS[name], "show_progress": False}
        if make is byte_level:
            options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
        if make is unigram:
            options["unk_token"] = "<unk>"
        tokenizer = make()
        tokenizer.train_from_iterator(lines, trainer(vocab_size=600, **options))
        tokenizer.enable_truncation(7)  # other people's settings do not matter
        tokenizer.enable_padding(length=9, pad_token=PADDING[name])
        folders[name] = tmp_path_factory.mktemp(name)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles).save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="module", params=list(SPECIALS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pair(made: dict[str, Path], kind: str) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizer as loaded here, and as its own library loads it."""
    theirs = Tokenizer.from_file(str(made[kind] / "tokenizer.json"))
    theirs.no_truncation()
    theirs.no_padding()
    ours = load_existing(made[kind])
    ours.encode_special_tokens = theirs.encode_special_tokens = True
    return ours, theirs


def agree(ours: Tokenizer, theirs: Tokenizer, texts: list[str]) -> None:
    expected = theirs.encode_batch(texts, add_special_tokens=False)
    special = special_ids(ours)
    for text, one, other in zip(texts, ours.encode_batch(texts), expected, strict=True):
        assert one.ids == [special.cls, *other.ids, special.sep], repr(text)


def test_ids_are_those_of_the_library(
    pair: tuple[Tokenizer, Tokenizer], lines_of: Callable[[int, int], list[str]]
) -> None:
    agree(*pair, lines_of(400, 6))


@ANY_TEXT
@given(text=st.text(st.characters(codec="utf-8")))
def test_ids_of_any_text_are_those_of_the_library(
    pair: tuple[Tokenizer, Tokenizer], text: str
) -> None:
    agree(*pair, [text, "", text + " " + text])


def test_ids_of_real_text_are_those_of_the_library(
    pair: tuple[Tokenizer, Tokenizer], shared_data: Path
) -> None:
    for path in sorted((shared_data / "babylm" / "train").glob("*.train")):
        agree(*pair, list(islice(read_texts(path), 1_000)))


def test_ids_are_those_of_transformers(
    made: dict[str, Path], kind: str, lines_of: Callable[[int, int], list[str]]
) -> None:
    theirs = AutoTokenizer.from_pretrained(made[kind])
    ours = load_existing(made[kind])
    for line in (line for line in lines_of(100, 7) if "[" not in line):
        expected = theirs(line, add_special_tokens=False, padding=False)["input_ids"]
        assert ours.encode(line, add_special_tokens=False).ids == expected


ROLES = {
    "byte_level": {"pad": "<pad>", "cls": "<s>", "sep": "</s>", "unk": "<unk>", "mask": "[MASK]"},
    "word_piece": {role: f"[{role.upper()}]" for role in ("pad", "cls", "sep", "unk", "mask")},
    "unigram": {"pad": "<none>", "cls": "<from>", "sep": "<to>", "unk": "<unk>", "mask": "<hole>"},
}


def test_roles_are_those_declared_or_commonly_named(
    made: dict[str, Path], kind: str, pair: tuple[Tokenizer, Tokenizer]
) -> None:
    ours, theirs = pair
    assert special_tokens(ours) == ROLES[kind]
    ids = special_ids(ours)
    assert {role: ours.token_to_id(token) for role, token in ROLES[kind].items()} == vars(ids)
    missing = ["[MASK]"] if kind == "byte_level" else []
    assert ours.get_vocab_size() == theirs.get_vocab_size() + len(missing)
    assert [ours.token_to_id(token) for token in missing] == [theirs.get_vocab_size()] * len(
        missing
    )
    known = theirs.get_vocab()
    assert {token: v for token, v in ours.get_vocab().items() if token in known} == known
    two = ours.encode("a", "b")
    assert [i for i in two.ids if i in (ids.cls, ids.sep)] == [ids.cls, ids.sep, ids.sep]
    assert set(two.type_ids) == {0, 1}
    assert not counts_words_by_type(ours)


def test_a_saved_foreign_tokenizer_loads_in_transformers(
    made: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    ours = load_existing(made[kind])
    save_tokenizer(ours, tmp_path, max_length=128)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert {role: getattr(loaded, f"{role}_token") for role in ROLES[kind]} == ROLES[kind]
    assert {role: getattr(loaded, f"{role}_token_id") for role in ROLES[kind]} == vars(
        special_ids(ours)
    )
    text = f"it's {ROLES[kind]['mask']} da"
    assert loaded(text)["input_ids"] == ours.encode(text).ids
    assert ours.encode(text).ids.count(special_ids(ours).mask) == 1
    again = load_existing(tmp_path)
    assert special_ids(again) == special_ids(ours) and again.get_vocab() == ours.get_vocab()


def small(**vocab: int) -> Tokenizer:
    return Tokenizer(models.WordLevel({"a": 0, "b": 1, **vocab}, unk_token="a"))


def test_one_token_plays_one_role(tmp_path: Path) -> None:
    tokenizer = small(end=2)
    tokenizer.add_special_tokens(["end"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    named = {"bos_token": {"content": "end"}, "eos_token": "end", "unk_token": "end"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(named))
    ours = load_existing(tmp_path)
    assert vars(special_ids(ours)) == {"pad": 3, "cls": 2, "sep": 4, "unk": 0, "mask": 5}
    assert len(existing_files(tmp_path)) == 2
    alone = load_existing(tmp_path / "tokenizer.json")  # nobody says what "end" is for
    assert vars(special_ids(alone)) == {"pad": 3, "cls": 4, "sep": 5, "unk": 0, "mask": 6}
    assert existing_files(tmp_path / "tokenizer.json") == [tmp_path / "tokenizer.json"]


def test_an_added_token_with_a_role_becomes_a_special_one(tmp_path: Path) -> None:
    tokenizer = small()
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True), "<other>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    added = load_existing(tmp_path / "tokenizer.json").get_added_tokens_decoder()
    assert added[2].special and added[2].lstrip and not added[3].special


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no tokenizer.json"),
        ({"tokenizer.json": b"{"}, "is truncated or not JSON"),
        ({"tokenizer.json": b"{}"}, "is not a tokenizer of the"),
        ({"tokenizer.json": b'{"model": {"type": "Other"}}'}, "is not a tokenizer of the"),
        ({"tokenizer.json": b""}, "neither a tokenizer.json nor"),
        ({"tokenizer.json": b"\x0a\xff"}, "neither a tokenizer.json nor"),
    ],
)
def test_files_that_are_no_tokenizer_are_refused(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_existing(tmp_path)


def test_a_path_to_nothing_and_missing_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no tokenizer at"):
        load_existing(tmp_path / "none.model")
    small(c=9).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(InputError, match="lacks some ids"):
        load_existing(tmp_path)
