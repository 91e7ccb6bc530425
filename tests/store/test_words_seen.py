"""Words seen against a count that does not use word-boundary marks: every word of the text is
assigned to the token at its beginning by offsets, and counted block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.plan import BatchPlan, make_plan
from amlm.store.token_store import TokenStore, open_store
from amlm.store.words_seen import WordCounter
from amlm.text.readers import read_texts
from amlm.training.callbacks.word_checkpoints import MILLION, crossed

MakePlan = Callable[..., BatchPlan]


@pytest.fixture(scope="module")
def word_begins_N(small_store: TokenStore, corpus_dir: Path) -> NDArray[np.bool_]:
    """Whether a word of the text begins at a position of the stream: ``[N]``."""
    tokenizer = Tokenizer.from_file(str(small_store.folder / "tokenizer" / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    begins: list[bool] = []
    for source in ("childes", "simple_wiki"):
        for line in read_texts(corpus_dir / "train" / f"{source}.train"):
            starts = [start for start, _ in tokenizer.encode(line).offsets[1:-1]]
            # The token of a word includes the preceding space, except for the first word.
            spaces = {0, *(at for at, character in enumerate(line) if character == " ")}
            at_start = [at in spaces and at not in starts[:i] for i, at in enumerate(starts)]
            assert sum(at_start) == len(line.split())
            begins += [False, *at_start, False]
    assert len(begins) == len(small_store.ids("train"))
    return np.array(begins)


@pytest.fixture(scope="module")
def plan_for(small_store: TokenStore) -> MakePlan:
    def make(lengths: dict[int, int], max_steps: int | None = None, **options: Any) -> BatchPlan:
        usual = {"tokens_per_step": 1_024, "epochs": 3}
        config = DataConfig(sequence_length=lengths, **{**usual, **options})
        return make_plan(len(small_store.ids("train")), config, max_steps, seed=4)

    return make


def brute_force(plan: BatchPlan, begins_N: NDArray[np.bool_]) -> list[int]:
    """Words seen before each step and after the last."""
    seen = [0]
    for step in range(plan.total_steps):
        blocks, length = plan.blocks(step)
        words = sum(
            bool(begins_N[block * length + i]) for block in blocks.tolist() for i in range(length)
        )
        seen.append(seen[-1] + words)
    return seen


@pytest.mark.parametrize("lengths", [{0: 64}, {0: 16, 1: 64, 2: 128}], ids=["one", "curriculum"])
def test_words_seen_equal_the_words_in_the_blocks_of_each_step(
    small_store: TokenStore,
    word_begins_N: NDArray[np.bool_],
    plan_for: MakePlan,
    lengths: dict[int, int],
) -> None:
    plan = plan_for(lengths)
    expected = brute_force(plan, word_begins_N)
    counter = WordCounter(small_store, plan)
    assert [counter.seen(step) for step in range(plan.total_steps + 1)] == expected
    assert [counter.of_step(step) for step in range(plan.total_steps)] == np.diff(expected).tolist()


def test_steps_can_be_requested_in_any_order(
    small_store: TokenStore, word_begins_N: NDArray[np.bool_], plan_for: MakePlan
) -> None:
    plan = plan_for({0: 16, 1: 64})
    expected = brute_force(plan, word_begins_N)
    counter = WordCounter(small_store, plan)
    for step in (9, 9, 4, 5, 0, plan.total_steps, 1, plan.total_steps - 1):
        assert counter.seen(step) == expected[step]
        assert WordCounter(small_store, plan).seen(step) == expected[step]


def test_every_epoch_sees_every_word_once(small_store: TokenStore, plan_for: MakePlan) -> None:
    blocks = len(small_store.ids("train")) // 8
    # Each step is one epoch, except for the words of an incomplete last block.
    plan = plan_for({0: 8}, tokens_per_step=blocks * 8, epochs=4)
    counter = WordCounter(small_store, plan)
    seen = [counter.seen(step) for step in range(5)]
    assert len(set(np.diff(seen).tolist())) == 1
    assert 0 <= small_store.words("train") - seen[1] < 8


def test_overfitting_counts_the_first_batch_at_every_step(
    small_store: TokenStore, plan_for: MakePlan
) -> None:
    plan = plan_for({0: 64}, max_steps=50)
    first = WordCounter(small_store, plan).seen(1)
    counter = WordCounter(small_store, plan, overfit=True)
    assert first > 0
    assert [counter.seen(step) for step in (0, 1, 2, 50, 3)] == [
        0,
        first,
        2 * first,
        50 * first,
        3 * first,
    ]


def test_word_thresholds_are_crossed_at_the_first_step_that_reaches_them(
    shared_data: Path, tmp_path: Path
) -> None:
    """25 passes over 100,000 words of real text, against counts per block."""
    place = shared_data / "babylm" / "dev"
    sources = {"text": {"path": f"{place}/simple_wiki.dev", "dev": f"{place}/switchboard.dev"}}
    length, per_step = 64, 16_384
    config = DataConfig(
        sources=sources, sequence_length={0: length}, tokens_per_step=per_step, epochs=25
    )
    store = open_store(config, TokenizerConfig(vocab_size=400), tmp_path)
    assert 90_000 < store.words("train") <= 100_000
    plan = make_plan(store.tokens("train"), config, max_steps=None, seed=0)
    pieces = np.array([piece.startswith("▁") for piece in store.pieces])
    begins_N = pieces[store.ids("train")]
    blocks = len(begins_N) // length
    words_K = begins_N[: blocks * length].reshape(blocks, length).sum(1)
    seen, expected = 0, {}
    for step in range(plan.total_steps):
        after = seen + int(words_K[plan.blocks(step)[0]].sum())
        for million in (1, 2, 3):
            if seen < million * MILLION <= after:
                expected[f"chck_{million}M"] = step + 1
        seen = after
    counter, before = WordCounter(store, plan), 0
    found: dict[str, int] = {}
    for step in range(1, plan.total_steps + 1):
        after = counter.seen(step)
        found |= {f"chck_{words // MILLION}M": step for words in crossed(before, after)}
        before = after
    assert found == expected and len(found) == 2
    assert 25 * store.words("train") - seen < per_step + 25 * length


@pytest.mark.parametrize("kind", ["ours", "WordPiece", "byte-level", "SentencePiece"])
def test_words_for_masking_are_those_of_the_text_with_any_tokenizer(
    kind: str,
    tmp_path: Path,
    write_text: Callable[[Path, Mapping[str, str | bytes]], Path],
    data_config: Callable[..., DataConfig],
) -> None:
    lines = ["The dogs' x-ray, don't sleep", "a.b mats (again)", "dogs sleep 42 mats"] * 20
    text = "\n".join(lines) + "\n"
    folder = write_text(tmp_path / "text", {"a.train": text, "a.dev": text})
    path = None
    if kind != "ours":
        cut: dict[str, pre_tokenizers.PreTokenizer] = {
            "WordPiece": pre_tokenizers.BertPreTokenizer(),
            "byte-level": pre_tokenizers.ByteLevel(add_prefix_space=False),
            "SentencePiece": pre_tokenizers.Metaspace(),
        }
        tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer: Any = trainers.BpeTrainer(vocab_size=45, special_tokens=["[UNK]"])
        if kind == "WordPiece":
            tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            trainer = trainers.WordPieceTrainer(vocab_size=45, special_tokens=["[UNK]"])
        tokenizer.pre_tokenizer = cut[kind]
        tokenizer.train_from_iterator(lines, trainer)
        path = str(tmp_path / "tokenizer.json")
        tokenizer.save(path)
    options = TokenizerConfig(vocab_size=320) if path is None else TokenizerConfig(path=path)
    store = open_store(data_config(folder), options, tmp_path / "cache")
    ids_N = store.ids("train").astype(np.int64)
    begins_N = store.word_starts("train", np.array([0]), ids_N[None])[0]
    encoder = Tokenizer.from_file(str(store.folder / "tokenizer" / "tokenizer.json"))
    sizes: list[int] = []
    expected = []
    for line in lines:
        offsets = encoder.encode(line, add_special_tokens=False).offsets
        starts = [
            at for at in range(len(line)) if line[at] != " " and line[at - 1 : at] in ("", " ")
        ]
        first = {next(i for i, (a, b) in enumerate(offsets) if a <= at < b) for at in starts}
        expected += [0, *(int(i in first) for i in range(len(offsets))), 0]
        sizes.append(len(offsets))
    assert begins_N.astype(int).tolist() == expected
    assert sum(expected) == len(text.split()) < sum(sizes)
