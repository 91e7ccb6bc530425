"""SentencePiece models against the `sentencepiece` library itself: ids of real, generated and any
text, for models of every kind that can be converted; the others are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece.sentencepiece_model_pb2 import ModelProto
from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer

from amlm.text.readers import read_texts
from amlm.tokenizers import sentencepiece_model
from amlm.tokenizers.bpe import save_tokenizer
from amlm.tokenizers.charsmap import charsmap_normalizers
from amlm.tokenizers.existing import load_existing
from amlm.tokenizers.special_tokens import special_ids, special_tokens
from amlm.tokenizers.word_starts import word_starts
from amlm.util.errors import InputError

SYMBOLS = ["<turn>", "<turn>s", "ﬁn", "[MASK]"]
MODELS: dict[str, dict[str, Any]] = {
    "unigram": {},
    "unigram_bytes": {"byte_fallback": True, "normalization_rule_name": "identity"},
    "bpe_bytes": {"model_type": "bpe", "byte_fallback": True},
    "bpe_spaces": {
        "model_type": "bpe",
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
        "allow_whitespace_only_pieces": True,
    },
    "bpe_folded": {"model_type": "bpe", "normalization_rule_name": "nmt_nfkc_cf"},
    "unigram_symbols": {
        "user_defined_symbols": ["<turn>", "ﬁn", "[MASK]"],
        "control_symbols": ["<cls>"],
        "pad_id": 3,
    },
    "bpe_symbols": {
        "model_type": "bpe",
        "user_defined_symbols": SYMBOLS,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_by_whitespace": False,
    },
}
NASTY = [
    *("", " ", "  two  spaces ", "▁", "a▁ ▁b▁", "<s>", "a <s> b</s>", "<unk>", "<0x0A>y", "\x01"),
    *("e\u0301E\u0301", "e\u0302\u0301", "\u1112\u1161\u11ab", "\xa0\u0301x", "½ ﬁ ™\ufe0f", "¨"),
    *(
        "日本 日本é",
        "a\tb\r\nc",
        "\u200b",
        "\u200bda",
        "a\u00ad b",
        "🙂🙂 🙂",
        "<turn>",
        " <turn> ",
    ),
    *("a<turn>s <turn>da ﬁn", "＜turn＞ <turn>\u0338"),
]
ALPHABET = "ab  ▁<s>/unk0xAé\u0301\u0302\xa0½ﬁﬁ日\u1112\u1161🙂\u200bE"
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cn", "Co"])),
    st.text(ALPHABET, max_size=15),
    st.lists(st.sampled_from([*SYMBOLS[:3], *ALPHABET]), max_size=8).map("".join),
).filter(lambda text: "[MASK]" not in text)  # has a role: text that spells it is text here
ANY_TEXT = settings(max_examples=200, derandomize=True, deadline=None)


def trained(path: Path, lines: list[str], **options: Any) -> Path:
    options = {"vocab_size": 800, "hard_vocab_limit": False, **options}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(path),
        minloglevel=2,
        num_threads=1,
        **options,
    )
    return path.with_suffix(".model")


@pytest.fixture(scope="module", params=MODELS)
def path(
    request: pytest.FixtureRequest,
    lines_of: Callable[[int, int], list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    lines = [line.replace("[MASK]", "mask") for line in lines_of(1_500, 8)]
    folder = tmp_path_factory.mktemp(request.param)
    return trained(folder / str(request.param), lines, **MODELS[request.param])


@pytest.fixture(scope="module")
def pair(path: Path) -> tuple[Tokenizer, Any]:
    ours = load_existing(path)
    ours.encode_special_tokens = True
    return ours, sentencepiece.SentencePieceProcessor(model_file=str(path))


def differing(ours: Tokenizer, theirs: Any, texts: list[str]) -> list[str]:
    special = special_ids(ours)
    wrapped = [[special.cls, *theirs.EncodeAsIds(text), special.sep] for text in texts]
    encodings = ours.encode_batch(texts)
    for text, encoding in zip(texts, encodings, strict=True):
        assert word_starts(text, encoding).sum() == len(text.split())
    return [
        text
        for text, encoding, ids in zip(texts, encodings, wrapped, strict=True)
        if encoding.ids != ids
    ]


def test_ids_are_those_of_sentencepiece(
    pair: tuple[Tokenizer, Any], lines_of: Callable[[int, int], list[str]]
) -> None:
    texts = [line for line in lines_of(400, 9) if "[MASK]" not in line]
    assert differing(*pair, [*NASTY, *texts]) == []


@ANY_TEXT
@given(text=TEXT)
def test_ids_of_any_text_are_those_of_sentencepiece(pair: tuple[Tokenizer, Any], text: str) -> None:
    assert differing(*pair, [text]) == []


def test_roles_and_vocabulary(pair: tuple[Tokenizer, Any], path: Path) -> None:
    ours, theirs = pair
    tokens = special_tokens(ours)
    symbols = "symbols" in path.name
    assert tokens == {
        "pad": "<pad>" if path.stem == "unigram_symbols" else "[PAD]",
        "cls": "<cls>" if path.stem == "unigram_symbols" else "<s>",
        "sep": "</s>",
        "unk": "<unk>",
        "mask": "[MASK]",
    }
    size = theirs.GetPieceSize()
    assert special_ids(ours).unk == theirs.unk_id() and special_ids(ours).sep == theirs.eos_id()
    assert (special_ids(ours).mask < size) == symbols
    missing = [token for token in tokens.values() if ours.token_to_id(token) >= size]
    assert ours.get_vocab_size() == size + len(missing)
    if symbols:  # text that spells it is text, on request
        assert special_ids(ours).mask not in ours.encode("da [MASK]").ids


def test_decoded_text_is_that_of_sentencepiece(pair: tuple[Tokenizer, Any]) -> None:
    ours, theirs = pair
    for text in ["da be, don't", "<turn> da<turn>s be", "a be"]:
        ids = theirs.EncodeAsIds(text)
        if theirs.unk_id() not in ids:
            assert ours.decode(ids) == theirs.DecodeIds(ids)


def test_saved_model_loads_in_transformers(pair: tuple[Tokenizer, Any], tmp_path: Path) -> None:
    ours, theirs = pair
    save_tokenizer(ours, tmp_path, max_length=64)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in ("da be don't", "E\u0301 <turn> ½"):
        assert loaded(text, add_special_tokens=False)["input_ids"] == theirs.EncodeAsIds(text)
    assert loaded.mask_token == "[MASK]"


@pytest.mark.parametrize("kind", ["unigram", "bpe", "identity"])
def test_ids_of_real_text_are_those_of_sentencepiece(
    kind: str, shared_data: Path, tmp_path: Path
) -> None:
    options = {
        "unigram": {},
        "bpe": {"model_type": "bpe", "byte_fallback": True},
        "identity": {"normalization_rule_name": "identity", "byte_fallback": True},
    }[kind]
    files = sorted((shared_data / "babylm" / "train").glob("*.train"))
    lines = {path.stem: list(islice(read_texts(path), 2_500)) for path in files}
    sample = [line for each in lines.values() for line in each[:1_000]]
    path = trained(tmp_path / kind, sample, **{**options, "vocab_size": 2_000})
    ours, theirs = load_existing(path), sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours.encode_special_tokens = True
    for source, each in lines.items():
        # Sums of single-precision scores round: what ties there need not tie here.
        allowed = 0 if kind == "bpe" else len(each) // 1_000
        assert len(differing(ours, theirs, each)) <= allowed, source


@pytest.mark.parametrize(("rules", "share"), [("nmt_nfkc", 0.0001), ("nmt_nfkc_cf", 0.004)])
def test_rules_are_followed_but_for_few(rules: str, share: float, tmp_path: Path) -> None:
    """Not followed are compositions newer than the Unicode tables of `tokenizers` and, where case
    is folded, the Greek iota below a letter."""
    path = trained(tmp_path / "m", ["a b c d"] * 9, vocab_size=10, normalization_rule_name=rules)
    pairs = sentencepiece.SentencePieceNormalizer(model_file=str(path)).decompile()
    assert len(pairs) > 200_000
    spec = ModelProto.FromString(path.read_bytes()).normalizer_spec
    steps = charsmap_normalizers(spec.precompiled_charsmap, [source for source, _ in pairs])
    separator = "\ufdd2"  # no source holds it, and it combines with nothing
    text = normalizers.Sequence(steps).normalize_str(separator.join(s for s, _ in pairs))
    followed = zip(pairs, text.split(separator), strict=True)
    assert sum(target != ours for (_, target), ours in followed) <= share * len(pairs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "word"}, "whole words or single characters"),
        ({"model_type": "char"}, "whole words or single characters"),
        ({"treat_whitespace_as_suffix": True}, "'a b' would become"),
        ({"user_defined_symbols": ["<turn>", "<turn>s"]}, "overlap"),
        ({"user_defined_symbols": ["<turn>", "urn"]}, "overlap"),
        ({"user_defined_symbols": ["<turn>", "n>a"]}, "overlap"),
        ({"user_defined_symbols": ["<turn>", "a<tu"], "model_type": "bpe"}, "overlap"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = trained(tmp_path / "m", ["a b c d"] * 9, **options)
    with pytest.raises(InputError, match=message):
        load_existing(path)


def test_own_rules_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "rules.tsv"
    table.write_text("2D 2D\t2014\n41\t61\n", encoding="utf-8")  # "--" to a dash, "A" to "a"
    path = trained(
        tmp_path / "m", ["a b c d"] * 9, vocab_size=10, normalization_rule_tsv=str(table)
    )
    with pytest.raises(InputError, match="rules are not among identity, nfkc,"):
        load_existing(path)


def test_a_conversion_with_other_ids_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: the merge of "a" and "b" is missing here."""
    path = trained(tmp_path / "m", ["ab ab c"] * 9, vocab_size=9, model_type="bpe")
    load_existing(path)
    monkeypatch.setattr(sentencepiece_model, "_merges", lambda model: [])
    with pytest.raises(InputError, match=r"'ab' would become .*'a', 'b'\], in SentencePiece"):
        load_existing(path)


def test_a_missing_library_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", None)
    with pytest.raises(InputError, match="pip install --upgrade sentencepiece protobuf"):
        load_existing(path)


def test_reading_a_model_imports_no_torch(tmp_path: Path) -> None:
    path = trained(tmp_path / "m", ["a b c d"] * 9, vocab_size=10)
    code = (
        "import sys; from pathlib import Path; from amlm.tokenizers.existing import load_existing; "
        "load_existing(Path(sys.argv[1])); print({'torch', 'transformers'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_truncated_models_are_refused(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    for size in (1, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "half.model").write_bytes(whole[:size])
        with pytest.raises(InputError, match="copy it again"):
            load_existing(tmp_path / "half.model")
