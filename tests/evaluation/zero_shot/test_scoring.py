"""Batching, sharing and long sentences against one masked copy at a time; other architectures
against their plain forward pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.processors import Sequence as PostProcessors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DebertaV2Model,
    GPT2Config,
    GPT2LMHeadModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from amlm.evaluation.models import MaskedModel, load, load_encoder
from amlm.evaluation.places import Source, checkpoints, find_model
from amlm.evaluation.zero_shot.items import Candidate, suffix, whole
from amlm.evaluation.zero_shot.scoring import Query, batches, distinct_rows, mask_each, score
from amlm.tokenizers.bpe import hugging_face_tokenizer, save_tokenizer
from amlm.util.errors import InputError

SENTENCES = [
    "The dog sees the small cat.",
    "The dog see the small cat.",
    "It rained.",
    "Who did the farmer who was reading the letter that he had found see in the old house today?",
]
CANDIDATES = [whole(each) for each in SENTENCES] + [suffix("A cat and", " a dog sleep.")]


def one_by_one(model: MaskedModel, candidate: tuple[str, int, str]) -> float:
    encoded = model.tokenizer(candidate[0], return_offsets_mapping=True)
    ids_L = np.array(encoded["input_ids"], dtype=np.int32)
    ends = np.array([end for _, end in encoded["offset_mapping"]])
    queries = mask_each(ids_L, np.flatnonzero(ends > candidate[1]), model.tokenizer.mask_token_id)
    return sum(float(model.log_probs([query])[0]) for query in queries)


@pytest.mark.parametrize("batch_tokens", [1, 64, 4_096])
def test_scores_do_not_depend_on_the_batch_size(tiny_run: Path, batch_tokens: int) -> None:
    model = load(find_model(str(tiny_run), "main"), "cpu", batch_tokens)
    expected = [one_by_one(model, candidate) for candidate in CANDIDATES]
    np.testing.assert_allclose(score(model, CANDIDATES), expected, rtol=0, atol=1e-4)


def test_identical_masked_inputs_are_computed_once() -> None:
    pair = [np.array(ids, dtype=np.int32) for ids in ([1, 10, 11, 12, 2], [1, 10, 13, 12, 2])]
    queries = [query for each in pair for query in mask_each(each, np.arange(1, 4), 4)]
    rows = distinct_rows(queries)
    assert len(rows) == len(queries) - 1
    (shared,) = [row for row in rows if len(row.queries) == 2]
    assert shared.ids_L.tolist() == [1, 10, 4, 12, 2] and shared.position == 2
    assert [queries[query].target for query in shared.queries] == [11, 13]


def test_batches_have_one_length_and_at_most_the_given_tokens() -> None:
    lengths = [3, 9, 3, 40, 9, 8, 3, 3]
    rows = distinct_rows([Query(np.full(n, i, np.int32), 0, 0) for i, n in enumerate(lengths)])
    sizes = [[len(row.ids_L) for row in batch] for batch in batches(rows, 9)]
    assert sizes == [[40], [9], [9], [8], [3, 3, 3], [3]]


def test_the_number_of_pending_queries_is_bounded(
    tiny_model: MaskedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(tiny_model, CANDIDATES)
    monkeypatch.setattr("amlm.evaluation.zero_shot.scoring.QUERY_TOKENS", 100)
    pending: list[int] = []

    class Watched:
        tokenizer, limit, backend = tiny_model.tokenizer, tiny_model.limit, "mlm"
        fingerprint = ""

        def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
            pending.append(sum(len(query.ids_L) for query in queries))
            return tiny_model.log_probs(queries)

    done: list[int] = []
    np.testing.assert_allclose(score(Watched(), CANDIDATES, done.append), expected, atol=1e-4)
    assert len(pending) > 2 and sum(done) == len(CANDIDATES)
    assert max(pending) <= 2 * 100  # the queries of the longest sentence are split


def test_only_sentences_beyond_the_length_limit_have_no_score(
    tiny_model: MaskedModel,
) -> None:
    def sentence(tokens: int) -> str:
        text = "."
        while len(tiny_model.tokenizer(text)["input_ids"]) < tokens:
            text = "it " + text
        assert len(tiny_model.tokenizer(text)["input_ids"]) == tokens
        return text

    fits, too_long = sentence(tiny_model.limit), sentence(tiny_model.limit + 1)
    scores = score(tiny_model, [whole(too_long), suffix(fits[:-5], fits[-5:])])
    assert np.isnan(scores[0]) and np.isfinite(scores[1])


def small(**more: Any) -> dict[str, Any]:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {**sizes, "intermediate_size": 48, "initializer_range": 0.3, **more}


SPECIAL = {"pad_token_id": 0, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2}


@pytest.mark.parametrize(
    ("config", "cls", "way"),
    [
        (BertConfig(**small(max_position_embeddings=64)), BertForMaskedLM, "_head_at_position"),
        (
            RobertaConfig(**small(max_position_embeddings=64, **SPECIAL)),
            RobertaForMaskedLM,
            "_head_at_position",
        ),
        (
            ModernBertConfig(**small(eos_token_id=2, **SPECIAL)),
            ModernBertForMaskedLM,
            "_head_at_position",
        ),
        (DebertaV2Config(**small()), DebertaV2ForMaskedLM, "_head_at_position"),
        (
            DebertaV2Config(
                **small(relative_attention=True, position_biased_input=False, type_vocab_size=0),
                pos_att_type=["c2p", "p2c"],
            ),
            DebertaV2ForMaskedLM,
            "_on_our_encoder",
        ),
    ],
    ids=["bert", "roberta", "modernbert", "deberta-absolute", "deberta-v3"],
)
def test_scores_of_other_architectures_equal_their_plain_forward_pass(
    config: Any, cls: Any, way: str, grammar_tokenizer: Tokenizer
) -> None:
    torch.manual_seed(0)
    config.vocab_size = grammar_tokenizer.get_vocab_size()
    plain = cls(config).eval()
    tokenizer = hugging_face_tokenizer(grammar_tokenizer, 10**30)
    model = MaskedModel(plain, tokenizer, 256)
    assert model.predict.__qualname__.startswith(way)
    with torch.no_grad():
        for candidate, found in zip(CANDIDATES, score(model, CANDIDATES), strict=True):
            encoded = tokenizer(candidate.sentence, return_offsets_mapping=True)
            expected = 0.0
            for position, (_, end) in enumerate(encoded["offset_mapping"]):
                if end > candidate.start:
                    ids = torch.tensor([encoded["input_ids"]])
                    target, ids[0, position] = int(ids[0, position]), tokenizer.mask_token_id
                    logits = plain(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
                    expected += float(torch.log_softmax(logits[0, position], -1)[target])
            assert found == pytest.approx(expected, abs=1e-4)


def test_scores_per_token_are_sums_divided_by_the_number_of_scored_tokens(
    tiny_model: MaskedModel,
) -> None:
    sums, means = (score(tiny_model, CANDIDATES, per_token=each) for each in (False, True))
    counts = [
        sum(end > candidate.start for _, end in offsets)
        for candidate in CANDIDATES
        for offsets in [
            tiny_model.tokenizer(candidate.sentence, return_offsets_mapping=True)["offset_mapping"]
        ]
    ]
    np.testing.assert_allclose(means, sums / counts, rtol=1e-6)
    assert len(set(counts)) > 2


def test_a_first_token_without_a_position_before_it_is_not_scored_by_mntp(
    grammar_tokenizer: Tokenizer,
) -> None:
    bare = Tokenizer.from_str(grammar_tokenizer.to_str())
    bare.post_processor = PostProcessors([])
    asked: list[int] = []

    class Watched:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, mask_token="[MASK]")
        limit, backend, fingerprint = 99, "mlm", ""

        def log_probs(self, queries: Sequence[Query]) -> NDArray[np.float32]:
            asked.extend(query.position for query in queries)
            return np.zeros(len(queries), dtype=np.float32)

    scorer = Watched()
    score(scorer, [whole("It rained.")])
    scorer.backend, all_asked = "mntp", asked.copy()
    asked.clear()
    score(scorer, [whole("It rained.")])
    assert all_asked[0] == 0 and asked == all_asked[1:]


OWN_CODE = """
from transformers import BertConfig, BertForMaskedLM

class OwnConfig(BertConfig):
    model_type = "own"

class OwnForMaskedLM(BertForMaskedLM):
    config_class = OwnConfig

    def forward(self, input_ids, attention_mask):
        return super().forward(input_ids, attention_mask, return_dict=False)
"""


def test_a_model_with_code_of_its_own_may_return_a_tuple(
    grammar_tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules")
    )
    folder = tmp_path / "own"
    torch.manual_seed(0)
    plain = BertForMaskedLM(BertConfig(**small(vocab_size=grammar_tokenizer.get_vocab_size())))
    plain.eval().save_pretrained(folder)
    save_tokenizer(grammar_tokenizer, folder, 64)
    (folder / "modeling_own.py").write_text(OWN_CODE)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    own = {"AutoConfig": "OwnConfig", "AutoModelForMaskedLM": "OwnForMaskedLM"}
    config["auto_map"] = {name: f"modeling_own.{each}" for name, each in own.items()}
    (folder / "config.json").write_text(json.dumps(config))
    found = load(find_model(str(folder), "main", trusted=True), "cpu", 64)
    assert found.predict.__qualname__.startswith("_at_every_position")
    expected = score(MaskedModel(plain, found.tokenizer, 64), CANDIDATES)
    np.testing.assert_allclose(score(found, CANDIDATES), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("padding", "limit"), [(0, 63), (1, 62)])
def test_the_length_limit_of_roberta_excludes_its_padding_positions(
    grammar_tokenizer: Tokenizer, padding: int, limit: int
) -> None:
    sizes = small(max_position_embeddings=64, pad_token_id=padding, vocab_size=1_000)
    tokenizer = hugging_face_tokenizer(grammar_tokenizer, 512)
    model = RobertaForMaskedLM(RobertaConfig(**sizes)).eval()
    assert MaskedModel(model, tokenizer, 256).limit == limit
    model(torch.full((1, limit), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, limit + 1), 5))


def test_a_completion_without_a_token_is_refused(tiny_model: MaskedModel) -> None:
    with pytest.raises(InputError, match=r"'' of 'A dog\.' has no token.*remove the item"):
        score(tiny_model, [Candidate("A dog.", 6, "")])


def test_a_model_without_an_exact_fast_predictor_uses_the_plain_one(
    tiny_model: MaskedModel, grammar_tokenizer: Tokenizer
) -> None:
    class Odd(BertForMaskedLM):  # type: ignore[misc]
        def forward(self, **inputs: Any) -> Any:
            output = super().forward(**inputs)
            output.logits = output.logits - output.logits.mean(1, keepdim=True)  # across positions
            return output

    config = BertConfig(**small(vocab_size=grammar_tokenizer.get_vocab_size()))
    model = MaskedModel(Odd(config).eval(), tiny_model.tokenizer, 256)
    assert model.predict.__qualname__.startswith("_at_every_position")
    assert np.isfinite(score(model, CANDIDATES)).all()


def test_find_model_locates_models_and_checkpoints(tiny_run: Path, tmp_path: Path) -> None:
    assert find_model(str(tiny_run), "main").path == str(tiny_run / "hf")
    assert find_model(str(tiny_run), "main").name == "tiny"
    at = find_model(str(tiny_run), "chck_2M")
    assert (at.path, at.name) == (str(tiny_run / "checkpoints" / "chck_2M"), "tiny")
    assert find_model(str(tiny_run / "hf"), "main").name == "hf"
    assert checkpoints(str(tiny_run)) == [f"chck_{n}M" for n in (1, 2, 3, 10, 20)]
    for wrong, revision in ((tmp_path, "main"), (tiny_run, "chck_7M")):
        with pytest.raises(InputError, match="no model in"):
            find_model(str(wrong), revision)


def test_a_model_without_a_head_or_tokenizer_is_refused(
    tmp_path: Path, grammar_tokenizer: Tokenizer
) -> None:
    DebertaV2Model(DebertaV2Config(**small(vocab_size=300))).save_pretrained(tmp_path)
    source = find_model(str(tmp_path), "main")
    with pytest.raises(InputError, match=r"can't be loaded|fast tokenizer"):
        load(source, "cpu", 64)
    save_tokenizer(grammar_tokenizer, tmp_path, 64)
    with pytest.raises(InputError, match="lacks weights: cls"):
        load(source, "cpu", 64)


@pytest.mark.parametrize("read", [lambda source: load(source, "cpu", 64), load_encoder])
def test_incomplete_damaged_or_mismatched_models_are_refused(
    read: Any, tmp_path: Path, grammar_tokenizer: Tokenizer
) -> None:
    source = find_model_of(tmp_path, BertForMaskedLM(BertConfig(**small(vocab_size=1_000))))
    with pytest.raises(InputError, match=r"fast tokenizer|can't be loaded"):
        read(source)  # transformers 5 creates a tokenizer if there is none
    save_tokenizer(grammar_tokenizer, tmp_path, 64)
    read(source)
    weights = tmp_path / "model.safetensors"
    whole_file = weights.read_bytes()
    weights.write_bytes(whole_file[:5_000])
    with pytest.raises(InputError, match="can't be loaded: SafetensorError: Error while deserial"):
        read(source)
    weights.write_bytes(whole_file)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 40}))
    said = r"weights have other .* e\.g\. .*layer\.0\.intermediate\.dense\.bias: \[48\], not \[40\]"
    with pytest.raises(InputError, match=said):
        read(source)
    few = BertForMaskedLM(BertConfig(**small(vocab_size=90)))
    with pytest.raises(InputError, match="ids up to 999, but it has only 90 embeddings"):
        read(find_model_of(tmp_path, few))
    diverged = BertForMaskedLM(BertConfig(**small(vocab_size=1_000)))
    diverged.bert.embeddings.word_embeddings.weight.data[3, 0] = torch.nan
    with pytest.raises(InputError, match=r"word_embeddings\.weight is not finite"):
        read(find_model_of(tmp_path, diverged))


def test_logits_that_are_nan_are_not_taken_for_long_sentences(
    tmp_path: Path, grammar_tokenizer: Tokenizer
) -> None:
    save_tokenizer(grammar_tokenizer, tmp_path, 64)
    model = BertForMaskedLM(BertConfig(**small(vocab_size=1_000)))
    model.cls.predictions.transform.dense.weight.data[:] = 3e38
    scorer = load(find_model_of(tmp_path, model), "cpu", 64)
    said = rf"model={tmp_path} computes NaN for '.*dog sleeps.*take another checkpoint, or train"
    with pytest.raises(InputError, match=said):
        score(scorer, [whole("the dog sleeps")])


def find_model_of(folder: Path, model: Any) -> Source:
    model.save_pretrained(folder)
    return find_model(str(folder), "main")


def test_other_model_types_are_refused(tmp_path: Path, grammar_tokenizer: Tokenizer) -> None:
    save_tokenizer(grammar_tokenizer, tmp_path, 64)
    gpt = GPT2LMHeadModel(GPT2Config(vocab_size=1_000, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(InputError, match=r"AutoModelForMaskedLM\.$"):  # without the list of classes
        load(find_model_of(tmp_path, gpt), "cpu", 64)


def test_untrained_weights_are_always_the_same(tiny_run: Path, tiny_model: MaskedModel) -> None:
    source = find_model(str(tiny_run), "main")
    first, second = (load(source, "cpu", 64, untrained=True) for _ in range(2))
    assert first.fingerprint == second.fingerprint != tiny_model.fingerprint
