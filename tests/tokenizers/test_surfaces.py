"""Surface forms of the types of real tokenizers against hand-written ones."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from amlm.tokenizers.surfaces import special_types, surfaces_of

SPECIALS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    """Five special tokens, 256 byte tokens, then text in which some strings only look like them."""
    texts = ["▁", "t", "▁the", "<0x0A", "<0xAG>", "<0x0A>s", "[PADDED]"]
    vocab = {token: v for v, token in enumerate(SPECIALS + BYTES + texts)}
    tokenizer = Tokenizer(models.BPE(vocab, [], byte_fallback=True, unk_token="[UNK]"))
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIALS])
    return tokenizer


def test_surfaces_of_a_tokenizer(bpe: Tokenizer) -> None:
    texts = ["▁", "t", "▁the", "<0x0A", "<0xAG>", "<0x0A>s", "[PADDED]"]
    assert surfaces_of(bpe) == [None] * (len(SPECIALS) + 256) + texts


def test_surfaces_of_a_hugging_face_tokenizer_and_added_words(bpe: Tokenizer) -> None:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(bpe.to_str()), pad_token="[PAD]", mask_token="[MASK]"
    )
    assert surfaces_of(wrapped) == surfaces_of(bpe)
    wrapped.add_tokens(["wug"])  # an ordinary word added later takes part
    assert surfaces_of(wrapped) == [*surfaces_of(bpe), "wug"]


def test_ids_that_no_string_has_are_empty() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "ab": 3}, unk_token="a"))
    assert surfaces_of(tokenizer) == ["a", None, None, "ab"]


def test_surfaces_of_a_byte_level_vocabulary_are_its_text() -> None:
    # "Ġ" spells a space, "Ã©" the two bytes of "é", "ä¸Ń" the three of "中".
    texts = {"the": "the", "Ġthe": "▁the", "Ã©": "é", "ä¸Ń": "中", "ĠĠ": "▁▁", "Ċ": "\n"}
    halves = ["Ã", "ä¸", "éŃ"]
    vocab = {piece: v for v, piece in enumerate(["<s>", *texts, *halves])}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.add_tokens(["日本"])  # as it is: its characters spell no bytes
    assert surfaces_of(tokenizer) == [None, *texts.values(), None, None, None, "日本"]
    assert special_types(tokenizer) == {0}


def check_byte_level(tokenizer: Tokenizer) -> None:
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    surfaces = surfaces_of(tokenizer)
    for piece, v in tokenizer.get_vocab().items():
        try:
            expected = bytes(byte_of[c] for c in piece).decode().replace(" ", "▁")
        except UnicodeDecodeError:
            assert surfaces[v] is None
        else:
            assert surfaces[v] == expected


def test_byte_level_pieces_of_all_kinds_are_their_bytes_as_text() -> None:
    data = "naïve 日本 🙂 \ufffd ï¿½ \x00".encode()
    cuts = {data[i:j] for i in range(len(data)) for j in range(i + 1, len(data) + 1)}
    cuts |= {bytes([byte]) for byte in range(256)}
    cuts |= {bytes(each) for each in product(b" \xef\xbf\xbd\xf0\x9f", repeat=4)}
    pieces = ["".join(bytes_to_unicode()[byte] for byte in cut) for cut in cuts]
    tokenizer = Tokenizer(models.BPE({piece: v for v, piece in enumerate(pieces)}, []))
    tokenizer.decoder = decoders.ByteLevel()
    check_byte_level(tokenizer)
    assert {"�", "�▁ï¿½", "▁🙂", None} <= {*surfaces_of(tokenizer)}


def test_byte_level_surfaces_of_real_text_are_their_bytes_as_text(shared_data: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=3_000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train([str(shared_data / "babylm" / "dev" / "simple_wiki.dev")], trainer)
    check_byte_level(tokenizer)
    assert len(surfaces_of(tokenizer)) == 3_000


def test_byte_level_surfaces_join_to_the_text() -> None:
    text = "the naïve 日本 said «so» 🙂 \t 1999"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.train_from_iterator(
        [text] * 3,
        trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), vocab_size=400),
    )
    surfaces = surfaces_of(tokenizer)
    assert len(surfaces) == 256 + len(surfaces[256:]) > 270
    ids = tokenizer.encode(text).ids
    joined = "".join(surfaces[v] or "?" for v in ids)
    assert joined == "▁" + text.replace(" ", "▁")


def test_surfaces_of_word_pieces_begin_words_with_the_mark() -> None:
    vocab = {piece: v for v, piece in enumerate(["[UNK]", "the", "##re", "#", "##", "é", "##s"])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.add_special_tokens(["[UNK]"])
    assert surfaces_of(tokenizer) == [None, "▁the", "re", "▁#", "", "▁é", "s"]
