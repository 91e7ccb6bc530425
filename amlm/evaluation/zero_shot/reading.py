"""Reading times: how much variance a model's surprisal explains beyond word properties.

Quirks of the official pipeline are kept: an empty context is read as the text ``None``, three mask
tokens follow the context without spaces, and each further piece of a word is decoded and tokenised
again on its own.

Shapes: N words, P predictors, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amlm.evaluation.figures import RESAMPLES, SEED, Figure, Floats, Report, interval, number
from amlm.evaluation.zero_shot.columns import read_rows
from amlm.evaluation.zero_shot.scoring import Query, Scorer
from amlm.util.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MASKS = 3
FEWEST = 50  # minimum number of rows; a regression has up to 17 predictors
EYE_TRACKING = ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound")
SELF_PACED = "self_paced_reading_time"
PROPERTIES = ("Subtlex_log10", "length", "context_length")
SPILLOVER = (*PROPERTIES, "prev_length", "prev_pred")
TEXTS = ("item", "word", "prev_item", "prev_word")
# Texts that pandas, which the official pipeline uses, reads as missing.
MISSING = frozenset(
    {"", "None", "null", "NULL", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA"}
    | {"nan", "-nan", "NaN", "-NaN", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"}
)


class ReadingTimes:
    """The contents of the reading-time file: texts, and numbers (NaN if missing)."""

    def __init__(self, path: Path) -> None:
        needed = [*TEXTS, *PROPERTIES, "prev_length", *EYE_TRACKING, SELF_PACED]
        rows = read_rows(path, needed)
        if len(rows) < FEWEST:
            raise InputError(f"{path} has {len(rows)} rows, too few for a regression")
        for line, row in enumerate(rows, start=2):
            has_previous = row["prev_item"] not in MISSING
            if not row["word"].strip() or (has_previous and not row["prev_word"].strip()):
                raise InputError(f"{path}, line {line}: no word")
        self.texts = {name: [row[name] for row in rows] for name in TEXTS}
        self.numbers: dict[str, Floats] = {}
        for name in needed[len(TEXTS) :]:
            self.numbers[name] = np.array(
                [_number(row[name], path, n, name) for n, row in enumerate(rows, start=2)]
            )

    def questions(self) -> Iterator[tuple[str, str] | None]:
        """For each row, context and word of ``pred``, then of ``prev_pred``."""
        for item, word, prev_item, prev_word in zip(*self.texts.values(), strict=True):
            yield ("None" if item in MISSING else item), word
            yield None if prev_item in MISSING else (prev_item, prev_word)


def _number(text: str, path: Path, line: int, name: str) -> float:
    try:
        return np.nan if text in MISSING else float(text)
    except ValueError:
        raise InputError(f"{path}, line {line}: {name} is {text!r}, not a number") from None


def pieces(
    tokenizer: PreTrainedTokenizerFast, context: str, word: str
) -> Iterator[tuple[str, int]]:
    """Context and id of each piece of a word; pieces that decode to nothing are skipped."""
    first, *rest = tokenizer(word, add_special_tokens=False)["input_ids"]
    yield context, first
    context += tokenizer.decode(first)
    for each in rest:
        piece = tokenizer.decode(each)
        for target in tokenizer(piece, add_special_tokens=False)["input_ids"][:1]:
            yield context, target
        context += piece


def surprisals(
    scorer: Scorer, data: ReadingTimes, progress: Callable[[int], object] = lambda count: None
) -> Floats:
    """``pred`` and ``prev_pred`` of each row, in nats: ``[N, 2]``.

    NaN if there is no previous word, or if the context is too long for the model.
    """
    tokenizer, questions = scorer.tokenizer, list(data.questions())
    queries: list[Query] = []
    counts = []
    for question in questions:
        targets = [] if question is None else list(pieces(tokenizer, *question))
        of_word = [_query(tokenizer, context, target) for context, target in targets]
        fits = all(len(query.ids_L) <= scorer.limit for query in of_word)
        counts.append(len(of_word) if fits else 0)
        queries += of_word if fits else []
    log_probs = scorer.log_probs(queries).astype(np.float64)
    ends = np.cumsum([0, *counts])
    found = [-log_probs[a:b].sum() if b > a else np.nan for a, b in pairwise(ends)]
    progress(len(questions))
    return np.array(found).reshape(-1, 2)


def _query(tokenizer: PreTrainedTokenizerFast, context: str, target: int) -> Query:
    text = context + tokenizer.mask_token * MASKS
    ids_L = np.array(tokenizer(text, verbose=False)["input_ids"], dtype=np.int32)
    first = np.flatnonzero(ids_L == tokenizer.mask_token_id)[-MASKS]
    return Query(ids_L, int(first), target)


def predictions(pred_N2: Floats) -> dict[str, Any]:
    """The predictions in the official format; missing ones are NaN."""
    listed = [
        {"id": number, "pred": pred, "prev_pred": prev_pred}
        for number, (pred, prev_pred) in enumerate(pred_N2.tolist())
    ]
    return {"reading": {"predictions": listed}}


def report(data: ReadingTimes, pred_N2: Floats) -> Report:
    """The scores ``eye_tracking`` (a mean over four measures) and ``self_paced``."""
    columns = _columns(data, pred_N2)
    unscored = np.isnan(pred_N2[:, 0])
    drawn = {
        "eye_tracking": np.mean(
            [resample_explained_variance(columns, each, PROPERTIES) for each in EYE_TRACKING], 0
        ),
        "self_paced": resample_explained_variance(columns, SELF_PACED, SPILLOVER),
    }
    totals = {}
    for name, value in official_scores(data, pred_N2).items():
        low, high = interval(drawn[name])
        score = number(value)
        totals[name] = Figure(score, low, high, score, None, len(pred_N2), int(unscored.sum()))
    return Report(totals, {}, [str(line) for line in np.flatnonzero(unscored)])


def official_scores(data: ReadingTimes, pred_N2: Floats) -> dict[str, float]:
    """The official scores in per cent: ``eye_tracking`` and ``self_paced``."""
    columns = _columns(data, pred_N2)
    eyes = [explained_variance(columns, measure, PROPERTIES) for measure in EYE_TRACKING]
    return {
        "eye_tracking": sum(eyes) / len(eyes),
        "self_paced": explained_variance(columns, SELF_PACED, SPILLOVER),
    }


def _columns(data: ReadingTimes, pred_N2: Floats) -> dict[str, Floats]:
    return {**data.numbers, "pred": pred_N2[:, 0], "prev_pred": pred_N2[:, 1]}


def design(columns: dict[str, Floats], names: tuple[str, ...]) -> Floats:
    """Intercept, predictors and their pairwise products: ``[N, P]``."""
    products = [columns[a] * columns[b] for a, b in combinations(names, 2)]
    ones = np.ones_like(columns[names[0]])
    return np.stack([ones, *(columns[name] for name in names), *products], axis=1)


def explained_variance(columns: dict[str, Floats], measure: str, names: tuple[str, ...]) -> float:
    """Per cent of the variance left unexplained by the predictors that ``pred`` explains."""
    y_N, x_NP = columns[measure], design(columns, names)
    usable_N = np.isfinite(y_N) & np.isfinite(x_NP).all(1)
    both_N = usable_N & np.isfinite(columns["pred"])
    with_NP = np.column_stack([x_NP, columns["pred"]])
    without = r_squared(x_NP[usable_N], y_N[usable_N])
    return float(_gain(without, r_squared(with_NP[both_N], y_N[both_N]))[0])


def resample_explained_variance(
    columns: dict[str, Floats], measure: str, names: tuple[str, ...]
) -> Floats:
    """`explained_variance` in each resample of the words: ``[R]``."""
    y_N = columns[measure]
    with_NP = np.column_stack([design(columns, names), columns["pred"]])
    both_N = np.isfinite(y_N) & np.isfinite(with_NP).all(1)
    y, x, count = y_N[both_N], with_NP[both_N], int(both_N.sum())
    drawn_RN = np.random.default_rng(SEED).multinomial(count, [1 / count] * count, size=RESAMPLES)
    without_R, with_R = (r_squared(each, y, drawn_RN) for each in (x[:, :-1], x))
    return _gain(without_R, with_R)


def _gain(without: Floats, with_pred: Floats) -> Floats:
    return 100 * (with_pred - without) / (1 - without)


def r_squared(x_NP: Floats, y_N: Floats, weight_RN: NDArray[np.int64] | None = None) -> Floats:
    """R² of weighted least squares for each row of weights (default: all ones): ``[R]``.

    Args:
        x_NP: predictors, including a column of ones; they can be linearly dependent.
    """
    weights = np.ones((1, len(y_N))) if weight_RN is None else weight_RN.astype(np.float64)
    y_N = y_N - y_N.mean()
    # Orthogonal columns keep the normal equations well conditioned.
    basis_NP, triangle = np.linalg.qr(x_NP / np.linalg.norm(x_NP, axis=0))
    basis_NP = basis_NP[:, np.abs(np.diag(triangle)) > 1e-10]
    size = basis_NP.shape[1]
    squares_NPP = (basis_NP[:, :, None] * basis_NP[:, None, :]).reshape(len(y_N), -1)
    gram_RPP = (weights @ squares_NPP).reshape(-1, size, size)
    cross_RP = weights @ (basis_NP * y_N[:, None])
    solved_RP = np.linalg.solve(gram_RPP, cross_RP[..., None])[..., 0]
    centred_R = weights @ y_N**2 - (weights @ y_N) ** 2 / weights.sum(1)
    residual_R = weights @ y_N**2 - (cross_RP * solved_RP).sum(1)
    return np.asarray(1 - residual_R / centred_R)
