"""The components of fine-tuning: texts of the tasks against texts written by hand, batches against
the tokenizer's, the head against its formula, encoders against `transformers`, the schedule and the
metrics against numbers calculated by hand."""

from __future__ import annotations

import copy
import json
import math
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import beta, binom
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DebertaV2Config,
)
from transformers import DebertaV2Model as TheirDeberta

from amlm.evaluation.finetuning import glue_metrics as metrics
from amlm.evaluation.finetuning.batches import Encoded, collate, encode, make_batches
from amlm.evaluation.finetuning.classifier import (
    AnyEncoder,
    Classifier,
    FastDeberta,
    make_encoder,
    make_head,
)
from amlm.evaluation.finetuning.fine_tuning import FineTuning, best_epoch
from amlm.evaluation.finetuning.glue_metrics import interval, score
from amlm.evaluation.finetuning.glue_tasks import TASKS, Pair, find_files, read_pairs
from amlm.evaluation.fingerprint import fingerprint
from amlm.evaluation.models import UNUSED, load_encoder, load_tokenizer
from amlm.evaluation.places import find_model
from amlm.util.errors import InputError

ROWS = {
    "boolq": ({"question": "q", "passage": "p"}, ("q", "p")),
    "multirc": (
        {"question": "q?", "answer": "a", "paragraph": "p"},
        ("Question: q? Answer: a", "p"),
    ),
    "rte": ({"sentence1": "a", "sentence2": "b"}, ("a", "b")),
    "wsc": (
        {"span2_text": "it", "span1_text": "the {dog}", "text": "t"},
        ('Does "it" refer to "the {dog}" in this passage?', "t"),
    ),
    "mrpc": ({"sentence1": "a", "sentence2": "b"}, ("a", "b")),
    "qqp": ({"question1": "a", "question2": "b"}, ("a", "b")),
    "mnli": ({"premise": "a", "hypothesis": "b"}, ("a", "b")),
}


@pytest.mark.parametrize("name", TASKS)
def test_read_pairs_fills_the_templates_of_every_task(name: str, tmp_path: Path) -> None:
    fields, texts = ROWS[name]
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({**fields, "label": 1, "idx": 7}) + "\n")
    assert read_pairs(path, TASKS[name]) == [Pair(*texts, 1)]


def test_tasks_have_the_official_settings() -> None:
    settings = {name: (t.epochs, t.batch_size, t.metric, t.labels) for name, t in TASKS.items()}
    assert settings == {
        "boolq": (10, 16, "accuracy", 2),
        "multirc": (10, 16, "accuracy", 2),
        "rte": (10, 32, "accuracy", 2),
        "wsc": (30, 32, "accuracy", 2),
        "mrpc": (10, 32, "f1", 2),
        "qqp": (10, 32, "f1", 2),
        "mnli": (10, 32, "accuracy", 3),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"sentence1": "a", ', "not a JSON object"),
        ('["a", "b", 1]', "not a JSON object"),
        ('{"sentence1": "a", "sentence2": "\\udc80", "label": 1}', "half a surrogate pair"),
        ('{"sentence1": "a", "label": 1}', "no field 'sentence2'"),
        ('{"sentence1": "a", "sentence2": "b"}', "no field 'label'"),
        ('{"sentence1": "a", "sentence2": "b", "label": 2}', "label 2 is not in 0 to 1"),
        ('{"sentence1": "a", "sentence2": "b", "label": "1"}', "label '1'"),
        ('{"sentence1": "a", "sentence2": "b", "label": true}', "label True is not in 0 to 1"),
        ('{"sentence1": "a", "sentence2": "b", "label": 1.0}', "label 1.0 is not in 0 to 1"),
    ],
)
def test_an_invalid_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rte.train.jsonl"
    path.write_text('{"sentence1": "a", "sentence2": "b", "label": 1}\n' + line + "\n")
    with pytest.raises(InputError, match=r"rte\.train\.jsonl, line 2.*" + message):
        read_pairs(path, TASKS["rte"])
    path.write_text("\n")
    with pytest.raises(InputError, match="empty"):
        read_pairs(path, TASKS["rte"])
    path.write_bytes(b"\xff\n")
    with pytest.raises(InputError, match="line 1: not UTF-8"):
        read_pairs(path, TASKS["rte"])


def test_find_files_names_tasks_without_data(trivial: Path, tmp_path: Path) -> None:
    (tmp_path / "full_eval").symlink_to(trivial)
    assert find_files(tmp_path, ["wsc"])["wsc"]["valid"].name == "wsc.valid.jsonl"
    with pytest.raises(InputError, match=r"no data for mrpc.*mrpc\.train\.jsonl"):
        find_files(trivial, ["rte", "mrpc"])
    with pytest.raises(InputError, match="no data for boolq, multirc: there is no such folder;"):
        find_files(tmp_path / "nowhere", ["boolq", "multirc"])


def test_batches_equal_those_of_the_tokenizer(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    pairs = [Pair("ba ca bo", "it's", 1), Pair("ca " * 30, "bo " * 12, 0), Pair("b", "c", 1)]
    items = encode(pairs, tokenizer, max_length=24)
    assert [item.truncated for item in items] == [False, True, False]
    batch = collate(items, tokenizer.pad_token_id)
    texts = [(pair.first, pair.second) for pair in pairs]
    expected = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=24)
    assert batch.ids_BL.tolist() == expected["input_ids"].tolist()
    assert batch.mask_BL is not None
    assert batch.mask_BL.tolist() == expected["attention_mask"].tolist()
    assert batch.labels_B.tolist() == [1, 0, 1] and batch.ids_BL.size(1) == 24
    assert collate(items[1:2], 0).mask_BL is None  # no padding needed


@pytest.mark.parametrize("name", ["rte", "wsc", "mrpc"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_batches_equal_those_of_the_official_recipe_on_items_of_the_release(
    name: str, side: str, tiny_model: Path, shared_data: Path
) -> None:
    """The recipe: ``tokenizer(texts, padding=True, truncation=True, max_length=512)``, on the left
    if the last token is classified, which is then the last one of every row."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model, padding_side=side)
    path = shared_data / "eval" / "glue_filtered" / f"{name}.valid.jsonl"
    pairs = read_pairs(path, TASKS[name])[:48]
    loader = make_batches(encode(pairs, load_tokenizer(find_model(str(tiny_model), "main")), 512),
                          16, tokenizer.pad_token_id, side=side)  # fmt: skip
    batches = list(loader)
    assert len(batches) == 3
    for start, batch in zip((0, 16, 32), batches, strict=True):
        texts = [(pair.first, pair.second) for pair in pairs[start : start + 16]]
        expected = tokenizer(
            texts, return_tensors="pt", padding=True, truncation=True, max_length=512
        )
        assert torch.equal(batch.ids_BL, expected["input_ids"])
        assert batch.mask_BL is not None and torch.equal(batch.mask_BL, expected["attention_mask"])
        if side == "left":
            assert set(batch.ids_BL[:, -1].tolist()) == {tokenizer.sep_token_id}
        assert batch.labels_B.tolist() == [pair.label for pair in pairs[start : start + 16]]


def test_training_batches_are_reshuffled_and_the_incomplete_one_dropped() -> None:
    items = [Encoded([n], n) for n in range(10)]

    def epochs(seed: int) -> list[list[int]]:
        loader, found = make_batches(items, 4, 0, seed), []
        for epoch in range(3):
            loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
            found.append([n for batch in loader for n in batch.labels_B.tolist()])
        return found

    first = epochs(1)
    assert [len(set(epoch)) for epoch in first] == [8, 8, 8]  # two complete batches
    assert first[0] != first[1] != first[2] and first[0] != sorted(first[0])
    assert epochs(1) == first and epochs(2) != first


def test_the_head_equals_its_formula() -> None:
    torch.manual_seed(0)
    head, x_BD = make_head(12, 3).eval(), torch.randn(5, 12)
    weights = [p.detach() for p in head.parameters()]
    assert [tuple(w.shape) for w in weights] == [(12, 12), (12,), (3, 12), (3,)]
    first_DD, first_D, last_CD, last_C = weights

    def normalized(x_BD: torch.Tensor) -> torch.Tensor:
        variance_B1 = x_BD.var(-1, unbiased=False, keepdim=True)
        return (x_BD - x_BD.mean(-1, keepdim=True)) / (variance_B1 + 1e-5).sqrt()

    y_BD = normalized(x_BD) @ first_DD.T + first_D
    y_BD = normalized(y_BD * 0.5 * (1 + torch.erf(y_BD / math.sqrt(2))))
    torch.testing.assert_close(head(x_BD), y_BD @ last_CD.T + last_C, rtol=1e-5, atol=1e-5)
    dropped = torch.stack([head.train()(x_BD) for _ in range(2)])
    assert not torch.equal(dropped[0], dropped[1])


@pytest.mark.parametrize(("side", "position"), [("right", 0), ("left", -1)])
def test_our_encoder_equals_transformers_in_loss_and_gradients(
    side: str, position: int, still_model: Path
) -> None:
    model, tokenizer = load_encoder(find_model(str(still_model), "main"))
    pairs = [Pair("ba ca bo it's", "bo", 1), Pair("ca " * 9, "bo " * 4, 0), Pair("b", "c", 1)]
    batch = collate(encode(pairs, tokenizer, 64), 0, side)
    assert batch.mask_BL is not None  # with padding
    ours = make_encoder(model, position)
    assert isinstance(ours, FastDeberta)
    losses, gradients = [], []
    for encoder in (ours, AnyEncoder(copy.deepcopy(model), position)):
        torch.manual_seed(0)
        classifier = Classifier(encoder, 32, 2)
        classifier.head.eval()
        loss = F.cross_entropy(classifier(batch.ids_BL, batch.mask_BL), batch.labels_B)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
        named = encoder.named_parameters()
        gradients.append({n.removeprefix("encoder.").removeprefix("deberta."): p.grad
                          for n, p in named if p.grad is not None})  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) > 30
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-6)


def test_models_that_our_encoder_does_not_support_run_in_transformers() -> None:
    sizes = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8}
    bert = BertModel(BertConfig(**sizes, num_attention_heads=2)).eval()
    other = TheirDeberta(DebertaV2Config(**sizes, num_attention_heads=2, type_vocab_size=2))
    ids_BL = torch.randint(5, 30, (2, 7))
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[1, 5:] = 0
    for model, position in ((bert, 0), (bert, -1), (other.eval(), 0)):
        encoder = make_encoder(model, position)
        assert isinstance(encoder, AnyEncoder) and encoder.encoder is not model
        for mask in (mask_BL, None):
            whole = torch.ones_like(ids_BL) if mask is None else mask
            expected = model(input_ids=ids_BL, attention_mask=whole).last_hidden_state[:, position]
            assert torch.equal(encoder(ids_BL, mask), expected)


def test_learning_rates_by_hand() -> None:
    def factors(total_steps: int) -> list[float]:
        module = FineTuning(
            Classifier(torch.nn.Identity(), 4, 2),
            TASKS["rte"],
            lr=1,
            total_steps=total_steps,
            seed=0,
        )
        (factor,) = module.configure_optimizers()["lr_scheduler"]["scheduler"].lr_lambdas
        return [factor(step) for step in range(total_steps + 6)]

    steps = {0: 0, 3: 3 / 6, 5: 5 / 6, 6: 1, 53: 0.55, 100: 0.1, 105: 0.1}  # 53 is half-way down
    rates = factors(100)
    assert {step: rates[step] for step in steps} == pytest.approx(steps)
    assert factors(33)[:2] == [0, 1]  # 1.98 warm-up steps round to 1
    assert factors(16)[0] == 1  # 0.96 warm-up steps round to 0


def test_metrics_by_hand() -> None:
    predictions = torch.tensor([1, 1, 1, 0, 0, 1, 0, 0])
    labels = torch.tensor([1, 1, 0, 0, 1, 1, 0, 0])  # tp 3, fp 1, fn 1, tn 3
    assert score(predictions, labels, 2) == pytest.approx(
        {"accuracy": 6 / 8, "f1": 6 / 8, "mcc": (9 - 1) / 16}
    )
    ones = torch.ones(8, dtype=torch.long)
    assert score(ones, labels, 2) == pytest.approx({"accuracy": 0.5, "f1": 8 / 12, "mcc": 0})
    assert score(0 * ones, labels, 2) == pytest.approx({"accuracy": 0.5, "f1": 0, "mcc": 0})
    assert score(ones, ones, 2)["mcc"] == 0
    three = torch.tensor([0, 1, 2, 2])
    found = score(torch.tensor([0, 1, 1, 2]), three, 3)
    assert found["accuracy"] == 0.75
    assert found["f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    # R_K of Gorodkin 2004: (3*4 - (1*1 + 2*1 + 1*2)) / sqrt((16 - 6) * (16 - 6))
    assert found["mcc"] == pytest.approx(7 / 10)


def test_interval_of_accuracy_is_jeffreys_and_of_seeds_the_mean_of_limits() -> None:
    labels_N = torch.zeros(400, dtype=torch.long)
    predictions_N = (torch.arange(400) % 4 == 0).long()  # 75 % correct
    low, high = interval(predictions_N[None], labels_N, 2, "accuracy")
    assert (low, high) == pytest.approx(tuple(beta.ppf((0.025, 0.975), 300.5, 100.5)))
    seeds_SN = torch.stack([predictions_N, labels_N])
    mean = interval(seeds_SN, labels_N, 3, "accuracy")
    perfect = beta.ppf(0.025, 400.5, 0.5)
    assert interval(labels_N[None], labels_N, 2, "accuracy") == pytest.approx((perfect, 1))
    assert mean == pytest.approx(((low + perfect) / 2, (high + 1) / 2))


def test_intervals_of_f1_cover_it_by_exact_sums() -> None:
    # Items are hits, errors or true negatives of label 1 with these probabilities.
    for count, hit, error in ((40, 0.6, 0.02), (30, 0.5, 0.3), (30, 0.9, 0.1)):
        f1, covered = 2 * hit / (2 * hit + error), 0.0
        for relevant in range(count + 1):
            for hits in range(relevant + 1):
                predictions_N = torch.ones(count, dtype=torch.long)
                predictions_N[relevant:] = 0
                labels_N = predictions_N.clone()
                labels_N[hits:relevant] = 0
                weight = binom.pmf(relevant, count, hit + error)
                weight *= binom.pmf(hits, relevant, hit / (hit + error))
                if weight > 1e-4:
                    low, high = interval(predictions_N[None], labels_N, 2, "f1")
                    covered += weight * (low <= f1 <= high)
        assert 0.93 < covered < 0.99


def test_interval_of_macro_f1_is_the_mean_over_labels_that_occur() -> None:
    labels_N = torch.tensor([0, 0, 1, 1])
    low, high = interval(labels_N[None], labels_N, 3, "f1")
    jaccard = beta.ppf(0.025, 2.5, 0.5)
    assert (low, high) == pytest.approx((2 * jaccard / (1 + jaccard), 1))
    low, high = interval(torch.tensor([[0, 1, 1, 1]]), labels_N, 3, "f1")
    assert low < score(torch.tensor([0, 1, 1, 1]), labels_N, 3)["f1"] < high


def test_score_returns_every_metric() -> None:
    ones = torch.ones(2, dtype=torch.long)
    assert tuple(score(ones, ones, 2)) == metrics.METRICS


def test_the_first_of_equally_good_epochs_is_the_best() -> None:
    history = [{"f1": value, "accuracy": -value} for value in (0.0, 0.5, 0.4, 0.5)]
    assert best_epoch(history, "f1") == 1 and best_epoch(history, "accuracy") == 0


def test_find_model_searches_runs_exports_and_folders(tiny_model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for name in ("hf", "checkpoints/chck_1M"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).symlink_to(tiny_model)
    assert find_model(str(tiny_model), "main").name == "tiny"
    for revision, place in (("main", "hf"), ("chck_1M", "checkpoints/chck_1M")):
        found = find_model(str(run), revision)
        assert (found.name, found.path) == ("run", str(run / place))
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "main").symlink_to(tiny_model)
    assert find_model(str(tmp_path / "export"), "main").path.endswith("export/main")
    with pytest.raises(InputError, match="no model in"):
        find_model(str(run), "chck_2M")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    with pytest.raises(InputError, match="can't be loaded"):
        load_encoder(find_model(str(tmp_path / "broken"), "main"))


def test_the_fingerprint_ignores_unused_weights_only(tiny_model: Path, tmp_path: Path) -> None:
    of_encoder = partial(fingerprint, unused=UNUSED)
    sizes = {"vocab_size": 400, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 8}
    BertForMaskedLM(BertConfig(**sizes, num_attention_heads=2)).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, tmp_path)
    first, second, other = (
        load_encoder(find_model(str(folder), "main")) for folder in (tmp_path, tmp_path, tiny_model)
    )
    second[0].pooler.dense.weight.data.normal_()  # random after every loading
    assert of_encoder(*first) == of_encoder(*second) != of_encoder(*other)
    changed = copy.deepcopy(second[0])
    changed.encoder.layer[0].output.dense.weight.data[0, 0] += 1e-3
    assert of_encoder(changed, second[1]) != of_encoder(*second)


def test_load_encoder_reads_the_encoder_of_a_masked_lm(tiny_model: Path) -> None:
    model, tokenizer = load_encoder(find_model(str(tiny_model), "main"))
    assert tokenizer.padding_side == "right"
    same = AutoModel.from_pretrained(tiny_model).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in model.state_dict().items())
