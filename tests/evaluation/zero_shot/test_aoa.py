"""Ages against curves with known ages; surprisals against one masked copy per token."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from amlm.evaluation.figures import Floats
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.zero_shot import aoa
from amlm.evaluation.zero_shot.scoring import Query, score
from amlm.util.errors import InputError

CHECKPOINTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, *range(10, 101, 10)]


def test_age_of_children_is_where_half_of_them_say_the_word() -> None:
    months = np.array(aoa.MONTHS, dtype=float)
    for age in (18.0, 22.5, 29.0):
        proportions = aoa.sigmoid(months, 1.0, 0.5, age, 0.0)
        proportions[3] = np.nan
        assert aoa.age_of_children(proportions) == pytest.approx(age, abs=1e-3)
    assert aoa.age_of_children(np.full(15, 0.1)) is None
    assert aoa.age_of_children(aoa.sigmoid(months, 1.0, 0.5, 35.0, 0.0)) is None
    assert aoa.age_of_children(np.full(15, np.nan)) is None


def test_age_of_model_is_half_way_between_chance_and_minimum_surprisal() -> None:
    words = np.array(CHECKPOINTS, dtype=float) * aoa.MILLION
    x = np.log10(words + 1)
    rising = aoa.sigmoid(x, 20.0, 8.0, 6.8, -22.0)
    half = -(np.log2(300_000) + (-rising.max())) / 2
    expected = 6.8 - np.log(20 / (half + 22) - 1) / 8
    found = aoa.age_of_model(words, -rising)
    assert found == pytest.approx(expected, abs=1e-3)
    # Three contexts per checkpoint are three points each.
    assert aoa.age_of_model(np.repeat(words, 3), -np.repeat(rising, 3)) == pytest.approx(found)
    assert aoa.age_of_model(words, rising) is None  # surprisal increases
    assert aoa.age_of_model(words[:2], -rising[:2]) is None
    assert aoa.age_of_model(words[:3], -rising[:3]) is None  # fewer points than parameters
    assert aoa.age_of_model(words, np.full(len(words), np.nan)) is None


def with_known_ages(middles: list[float]) -> tuple[list[dict[str, object]], dict[str, Floats]]:
    lines: list[dict[str, object]] = []
    children = {}
    for number, middle in enumerate(middles):
        word = f"word{number}"
        children[word] = aoa.sigmoid(np.array(aoa.MONTHS, float), 1.0, 0.5, 18.0 + number, 0.0)
        for millions in CHECKPOINTS:
            x = np.log10(millions * aoa.MILLION + 1)
            surprisal = -float(aoa.sigmoid(np.array(x), 20.0, 8.0, middle, -22.0))
            lines.append({"step": f"chck_{millions}M", "target_word": word, "surprisal": surprisal})
    return lines, children


def test_report_is_the_correlation_of_both_ages() -> None:
    middles = [6.4, 6.9, 6.6, 7.2, 7.0]
    lines, children = with_known_ages(middles)
    figure = aoa.report(lines, children).totals["Pearson"]
    # The curves, and therefore the ages, differ only by their middles.
    assert figure.score == pytest.approx(pearsonr(middles, range(5))[0], abs=0.02)
    assert figure.items == 5 and figure.low is not None
    del children["word0"], children["word1"], children["word2"]
    figure = aoa.report(lines, children).totals["Pearson"]
    assert (figure.score, figure.official, figure.low, figure.items) == (None, 0.0, None, 2)


def test_surprisal_covers_the_word_only(eval_dir: Path, tiny_model: MaskedModel) -> None:
    path = eval_dir / "full_eval" / "cdi_childes" / "cdi_childes.json"
    contexts = aoa.read_contexts(path)
    assert len(contexts) == 36 and all(len(word) > 1 for word, _, _ in contexts)
    scores = score(tiny_model, aoa.candidates(contexts)).tolist()
    line = aoa.results("chck_10M", contexts, scores)[1]
    word, context = line["target_word"], line["context"]
    assert (line["step"], line["word_count"], line["context_id"]) == ("chck_10M", 10_000_000, 1)
    assert context.endswith("the ")
    text = f"{context.strip()} {word}"
    encoded = tiny_model.tokenizer(text, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    pieces = [n for n, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(context)]
    expected = 0.0
    for piece in pieces:
        masked = np.array(ids, dtype=np.int32)
        masked[piece] = tiny_model.tokenizer.mask_token_id
        expected -= float(tiny_model.log_probs([Query(masked, piece, ids[piece])])[0])
    assert line["surprisal"] == pytest.approx(expected, abs=1e-4)


def test_invalid_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cdi.json"
    for text in ("{", "[]", json.dumps({"dog": [{}]})):
        path.write_text(text)
        with pytest.raises(InputError, match=r"cdi\.json"):
            aoa.read_contexts(path)
    path.write_text("word,16\ndog,0.1\n")
    with pytest.raises(InputError, match="no column '17'"):
        aoa.read_children(path)
