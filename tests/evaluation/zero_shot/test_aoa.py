"""Ages against curves with known ages and against a literal fit by the rules of 2026; surprisals
against one masked copy per token."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import pearsonr

from amlm.evaluation.figures import Floats
from amlm.evaluation.models import MaskedModel
from amlm.evaluation.rules import RULES
from amlm.evaluation.zero_shot import aoa
from amlm.evaluation.zero_shot.scoring import Query, score
from amlm.util.errors import InputError

NOW, BEFORE = (RULES[year].acquisition for year in ("2026", "2025"))
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


def age_of_model(words: Floats, surprisal: Floats) -> float | None:
    assert BEFORE.chance is not None
    return aoa.age_of_model(words, surprisal, BEFORE, BEFORE.chance)


def test_age_of_model_in_2025_is_half_way_between_chance_and_minimum_surprisal() -> None:
    words = np.array(CHECKPOINTS, dtype=float) * aoa.MILLION
    x = np.log10(words + 1)
    rising = aoa.sigmoid(x, 20.0, 8.0, 6.8, -22.0)
    half = -(np.log2(300_000) + (-rising.max())) / 2
    expected = 6.8 - np.log(20 / (half + 22) - 1) / 8
    found = age_of_model(words, -rising)
    assert found == pytest.approx(expected, abs=1e-3)
    # Three contexts per checkpoint are three points each.
    assert age_of_model(np.repeat(words, 3), -np.repeat(rising, 3)) == pytest.approx(found)
    assert age_of_model(words, rising) is None  # surprisal increases
    assert age_of_model(words[:2], -rising[:2]) is None
    assert age_of_model(words[:3], -rising[:3]) is None  # fewer points than parameters
    assert age_of_model(words, np.full(len(words), np.nan)) is None


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
    figure = aoa.report(lines, children, BEFORE, no_chance).totals["Pearson"]
    # The curves, and therefore the ages, differ only by their middles.
    assert figure.score == pytest.approx(pearsonr(middles, range(5))[0], abs=0.02)
    assert figure.items == 5 and figure.low is not None
    del children["word0"], children["word1"], children["word2"]
    for rules, chance_of in ((BEFORE, no_chance), (NOW, lambda word: 18.0)):
        figure = aoa.report(lines, children, rules, chance_of).totals["Pearson"]
        assert (figure.score, figure.official, figure.low, figure.items) == (None, 0.0, None, 2)


def no_chance(word: str) -> float:
    raise AssertionError("the rules of 2025 set the surprisal of chance")


def literal_age(steps: list[float], surprisals: list[float], chance: float) -> tuple[Any, str]:
    """The age of acquisition by the rules of 2026, or None; and the rule that rejected it."""
    if len(steps) < 3:
        return None, "points"
    kept = [(step, each) for step, each in zip(steps, surprisals, strict=True) if each == each]
    if not kept:
        return None, "NaN"
    x = np.array([math.log10(step + 1) for step, _ in kept])
    y = np.array([-each for _, each in kept])
    threshold = chance - 0.5 * (chance - min(each for _, each in kept))
    span = y.max() - y.min()
    (a, b, c, d), _ = curve_fit(
        lambda x, a, b, c, d: a / (1 + np.exp(-b * (x - c))) + d,
        x,
        y,
        p0=[span, 1, x.mean(), y.min()],
        bounds=(
            [0, 0, x.min() - 1, y.min() - 2 * span - 1],
            [10 * span + 1, 100, x.max() + 1, y.max() + 1],
        ),
        maxfev=20_000,
    )
    if a <= 1e-6:
        return None, "a"
    if b <= 1e-6:
        return None, "b"
    if -threshold <= d:
        return None, "below"
    if -threshold >= a + d:
        return None, "above"
    crossing = c - math.log(a / (-threshold - d) - 1) / b
    if 10**crossing - 1 < kept[0][0]:
        return None, "before"
    if 10**crossing - 1 > kept[-1][0]:
        return None, "after"
    return crossing, ""


def curves_of_2026() -> dict[str, tuple[list[float], list[float], float]]:
    """Words seen, surprisals and chance by the rule that rejects them; others are accepted."""
    steps = [float(millions * aoa.MILLION) for millions in CHECKPOINTS]
    x = np.log10(np.array(steps) + 1)
    dice = np.random.default_rng(0)

    def surprisals(a: float, b: float, c: float, d: float, noise: float = 0.0) -> list[float]:
        rising = aoa.sigmoid(x, a, b, c, d) + dice.normal(0, noise, len(x))
        return [float(each) for each in -rising]

    clear = surprisals(20, 8, 6.8, -22)
    late = surprisals(18, 2, 8.5, -20)
    holes = [math.nan, *clear[1:5], math.nan, *clear[6:]]
    return {
        "points": (steps[:2], clear[:2], 18.0),
        "NaN": (steps, [math.nan] * len(x), 18.0),
        "a": (steps, [12.0] * len(x), 18.0),
        "b": (steps, [float(each) for each in 4 * np.abs(x - 7) + 10], 18.0),
        "below": (steps, surprisals(8, 6, 6.8, -10), 30.0),
        "above": (steps, surprisals(8, 6, 6.8, -16), 5.0),
        "before": (steps, surprisals(18, 2, 5.5, -20), 20.0),
        "after": (steps, late, 10.0),
        "accepted": (steps, clear, 18.0),
        "with noise": (steps, surprisals(20, 8, 6.8, -22, 1.0), 18.0),
        "with gaps": (steps, holes, 18.0),
        "three points": (steps[::8], clear[::8], 18.0),
    }


def test_age_of_model_in_2026_equals_a_literal_fit_and_is_rejected_by_every_rule() -> None:
    curves = curves_of_2026()
    assert set(curves) > set(REJECTIONS)
    for name, (steps, surprisals, chance) in curves.items():
        expected, rejected_by = literal_age(steps, surprisals, chance)
        found = aoa.age_of_model(np.array(steps), np.array(surprisals), NOW, chance)
        if expected is None:
            assert found is None and rejected_by == name
        else:
            assert found == pytest.approx(expected, abs=1e-6)
            assert name not in REJECTIONS


REJECTIONS = ("points", "NaN", "a", "b", "below", "above", "before", "after")


def test_the_score_of_2026_equals_a_literal_one() -> None:
    """Three noisy contexts a checkpoint are averaged; one word has a missing one."""
    dice = np.random.default_rng(1)
    months = np.array(aoa.MONTHS, float)
    chances = {f"word{n}": 15.0 + n % 3 for n in range(12)}
    for relation, high_p in ((0.06, False), (0.0, True)):
        lines: list[dict[str, Any]] = []
        children, pairs = {}, []
        for n, (word, chance) in enumerate(chances.items()):
            age = 18.0 + n
            children[word] = aoa.sigmoid(months, 1.0, 0.5, age, 0.0)
            middle = 6.5 + relation * n + dice.normal(0, 0.05)
            means = []
            for millions in CHECKPOINTS:
                x = np.array(math.log10(millions * aoa.MILLION + 1))
                found = -aoa.sigmoid(x, 12.0, 6.0, middle, -14.0) + dice.normal(0, 0.3, 3)
                if n == 4 and millions == 5:
                    found[1] = math.nan
                means.append(sum(found) / 3)
                lines += [
                    {"step": f"chck_{millions}M", "target_word": word, "context_id": i,
                     "surprisal": float(each)}
                    for i, each in enumerate(found)
                ]  # fmt: skip
            steps = [millions * 1e6 for millions in CHECKPOINTS]
            expected, _ = literal_age(steps, means, chance)
            if expected is not None and age <= 30:
                pairs.append((expected, aoa.age_of_children(children[word])))
        dice.shuffle(lines)  # the order of the file does not matter
        r, p = pearsonr(*zip(*pairs, strict=True))
        figure = aoa.report(lines, children, NOW, chances.__getitem__).totals["Pearson"]
        assert figure.items == len(pairs) > 8 and figure.unscored == 1
        assert figure.score == pytest.approx(r, abs=1e-6)
        assert (p > 0.1) == high_p
        assert figure.official == (0.0 if high_p else pytest.approx(r, abs=1e-6))


def test_the_surprisal_of_chance_counts_the_tokens_of_a_word(tiny_model: MaskedModel) -> None:
    tokenizer = tiny_model.tokenizer
    size = tokenizer.vocab_size
    for word in ("dog", "hedgehog", "zyzzyva"):
        ids = [tokenizer(t, add_special_tokens=False)["input_ids"] for t in ("The", f"The {word}")]
        assert aoa.chance(tokenizer, word) == pytest.approx(
            (len(ids[1]) - len(ids[0])) * math.log(size)
        )
    assert aoa.chance(tokenizer, "zyzzyva") > 2 * math.log(size)
    assert aoa.chance(tokenizer, "") == pytest.approx(math.log(size))


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
    for text in ("{", "[]", json.dumps({"dog": [{}]}), '{"dog": [{"context": "\\ud800"}]}'):
        path.write_text(text)
        with pytest.raises(InputError, match=r"cdi\.json"):
            aoa.read_contexts(path)
    path.write_text("word,16\ndog,0.1\n")
    with pytest.raises(InputError, match="line 1: no column 17"):
        aoa.read_children(path)
