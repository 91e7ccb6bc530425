"""Run folders made up on disk: a table that drifts, and the log that a run would have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from amlm.masking.table import drift, update_table
from amlm.store.token_store import TokenStore
from amlm.tokenizers.surfaces import kind_of, special_types, surfaces_of
from amlm.training.callbacks.mask_drift import by_frequency_rank, by_kind, extremes


def make_up_run(
    folder: Path,
    store: TokenStore,
    *,
    group: str = "hard_decay",
    seed: int = 0,
    steps: int = 1_000,
    update_every: int = 200,
    log_every: int = 50,
    effect: float = 0.0,
    finished: bool = True,
    masking: dict[str, Any] | None = None,
) -> Path:
    """Writes a run whose mask ratio falls from 0.40 to 0.15, and returns its folder.

    Args:
        effect: added to the final accuracy, in per cent.
        masking: entries of that section of the configuration.
    """
    dice = np.random.default_rng([seed, len(group)])
    surfaces = surfaces_of(store.tokenizer)
    special = special_types(store.tokenizer)
    kinds = ["special" if v in special else kind_of(s) for v, s in enumerate(surfaces)]
    counts_V = store.type_counts("train")
    counts_V[list(special)] = 0
    rank_V = np.argsort(np.argsort(-counts_V, kind="stable"), kind="stable")
    records: list[dict[str, Any]] = [{"kind": "validation", "step": 0, "loss": 9.0, "accuracy": 0}]
    tables: list[NDArray[np.float32]] = []
    table_V = first_V = torch.full((len(surfaces),), 0.4)
    shift = 0.5 * float(dice.normal())
    for step in range(log_every, steps + 1, log_every):
        share = step / steps
        ratio = 0.4 - 0.25 * share
        if step % update_every == 0 and step < steps:
            easy_V = share * np.exp(-rank_V / 200) + 0.05 * dice.random(len(surfaces))
            score_V = torch.from_numpy(np.clip(easy_V, 0, 1))
            previous_V, (table_V, floored) = (
                table_V,
                update_table(table_V, score_V, ratio, smoothing=0.2, floor=0.005),
            )
            w_V = table_V.numpy()
            highest, lowest = extremes(w_V, surfaces, counts_V, 20)
            records.append(
                {
                    "kind": "mask_update",
                    "step": step,
                    "vocab_size": len(surfaces),
                    "ratio": ratio,
                    **drift(table_V, previous_V, first_V),
                    "at_floor": float(floored),
                    "by_frequency_rank": by_frequency_rank(w_V, counts_V),
                    "by_kind": by_kind(w_V, kinds),
                    "highest": highest,
                    "lowest": lowest,
                }
            )
            tables.append(w_V)
        accuracy = (35 + shift + effect) * share / 100
        records.append(
            {
                "kind": "train",
                "step": step,
                "loss": 9 - 5 * share,
                "accuracy": accuracy,
                "ratio": ratio,
                "realised_ratio": ratio,
                "lr": 1e-3,
                "words_seen": 1_000 * step,
                "tokens_per_second": float(dice.normal(1e4, 500)),
                "peak_memory": 900_000_000 + 1_000 * step,
            }
        )
    if finished:
        figure = {"score": 70 + shift + effect, "low": 66.0, "high": 74.0, "ties": 1.25}
        records += [
            {
                "kind": "validation",
                "step": steps,
                "loss": 4 - shift / 10,
                "accuracy": accuracy,
                "by_frequency": {"1-2": 0.1, "15-30": accuracy + 0.02, "3-6": accuracy},
                "by_part_of_speech": {"noun": accuracy, "verb": 0.5},
            },
            {"kind": "evaluation", "step": steps, "sample": {**figure, "items": 680}},
            {
                "kind": "summary",
                "steps": steps,
                "ratio_realised": 0.27,
                "words_seen": 1_000 * steps,
            },
        ]
    config = {
        "name": group,
        "choices": group,
        "seed": seed,
        "paths": {"cache": str(store.folder.parent)},
        "masking": {
            "unit": {"_target_": "amlm.masking.units.token.Token"},
            "signal": {"_target_": "amlm.masking.signals.hard.Hard"},
            "control": "none",
            "normalization": "exact",
            "mask_special_tokens": False,
            "exclude": [],
            **(masking or {}),
        },
    }
    content = {"store": store.folder.name, "digest": store.content.digest}
    (folder / "hf").mkdir(parents=True)
    tokenizer = (store.folder / "tokenizer" / "tokenizer.json").read_bytes()
    (folder / "hf" / "tokenizer.json").write_bytes(tokenizer)
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    run = {"started": "2026-11-27T00:00:00+00:00", "content": content}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "tables.f32").write_bytes(b"".join(table.tobytes() for table in tables))
    return folder
