"""The summary at the end of a run, computed from its record.

Shapes: V token types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from amlm.masking.policy import MaskingPolicy
from amlm.store.datamodule import TextDataModule
from amlm.training.record import Record

NAMED = 12  # most and least masked types shown
LABELS = {"sample": "minimal pairs"}  # of the built-in grammar


def constant_guess(data: TextDataModule, policy: MaskingPolicy) -> float:
    """Accuracy on the validation labels of always predicting the most frequent one."""
    counts_V = np.zeros(len(policy.table_V), dtype=np.int64)
    for index in range(len(data.validation)):
        batch = data.validation[index]
        ids_GL = batch.ids_GL.to(policy.table_V.device)
        labels = ids_GL[policy.corrupt(ids_GL, batch.index).selected_GL]
        counts_V += np.bincount(labels.cpu().numpy(), minlength=len(counts_V))
    return float(counts_V.max() / max(counts_V.sum(), 1))


def summarise(records: list[Record]) -> dict[str, Any]:
    """The summary of a complete run: of at least two validation records and one train record."""
    validations = [record for record in records if record["kind"] == "validation"]
    train = [record for record in records if record["kind"] == "train"]
    updates = [record for record in records if record["kind"] == "mask_update"]
    before, after = validations[0], validations[-1]
    summary: dict[str, Any] = {
        "steps": train[-1]["step"],
        "words_seen": train[-1]["words_seen"],
        "loss_before": before["loss"],
        "loss_after": after["loss"],
        "accuracy_before": before["accuracy"],
        "accuracy_after": after["accuracy"],
        "ratio_target": float(np.mean([record["ratio"] for record in train])),
        "ratio_realised": float(np.mean([record["realised_ratio"] for record in train])),
        "updates": len(updates),
        "tokens_per_second": float(np.median([record["tokens_per_second"] for record in train])),
    }
    evaluations = [record for record in records if record["kind"] == "evaluation"]
    if evaluations:
        last = evaluations[-1]
        summary["scores"] = {key: last[key] for key in last if key not in ("kind", "step")}
    if updates:
        last = updates[-1]
        for name in ("entropy", "effective_types", "vocab_size", "kl_first", "highest", "lowest"):
            summary[name] = last[name]
        summary["units"] = list(dict.fromkeys(record["unit"] for record in updates))
        summary["signal"] = last["signal"]
        for name in ("of_words", "warning"):
            if name in last:
                summary[name] = last[name]
    return summary


def _score_text(task: str, figure: dict[str, Any]) -> str:
    def shown(value: float | None) -> str:
        if value is None:
            return "none"
        return f"{value:.1f}%" if figure["chance"] else f"{value:.3f}"  # a correlation

    return (
        f"{LABELS.get(task, task):<20}{shown(figure['score'])}   (95 % interval "
        f"{shown(figure['low'])} to {shown(figure['high'])}, by chance {figure['chance']:.0f}; "
        f"{figure['items']:,} items)"
    )


def summary_text(summary: dict[str, Any], folder: Path) -> str:
    """The summary as text for the terminal."""

    def names(pairs: list[tuple[str, float]]) -> str:
        return "  ".join(f"{piece} {value:.2f}" for piece, value in pairs[:NAMED])

    lines = [
        "",
        f"{summary['steps']:,} steps, {summary['words_seen']:,} words seen, "
        f"{summary['seconds'] / 60:.1f} minutes, {summary['tokens_per_second']:,.0f} tokens/s",
        f"masked accuracy     {summary['accuracy_before']:.1%} -> {summary['accuracy_after']:.1%}"
        f"   (always the most frequent type: {summary['constant_guess']:.1%})",
        f"masked loss         {summary['loss_before']:.3f} -> {summary['loss_after']:.3f}",
        f"mask ratio          {summary['ratio_realised']:.4f} realised, "
        f"{summary['ratio_target']:.4f} target (means over the run)",
    ]
    lines += [_score_text(*each) for each in summary.get("scores", {}).items()]
    if summary["updates"]:
        lines.append(
            f"masked units        {', then '.join(f'{unit}s' for unit in summary['units'])}; "
            f"signal {summary['signal']}"
        )
        lines.append(
            f"mask distribution   entropy {summary['entropy']:.3f} nats: "
            f"{summary['effective_types']:,.0f} effective types of {summary['vocab_size']:,} "
            f"after {summary['updates']} updates"
        )
        if summary["kl_first"] > 1e-9:
            lines.append(f"masked most         {names(summary['highest'])}")
            lines.append(f"masked least        {names(summary['lowest'])}")
            if words := summary.get("of_words"):
                lines.append(f"words masked most   {names(words['highest'])}")
                lines.append(f"words masked least  {names(words['lowest'])}")
        else:
            lines.append("                    uniform: every type is masked alike")
    if "warning" in summary:
        lines.append(f"warning             {summary['warning']}")
    lines += [
        f"model               {folder / 'hf'}",
        f"record              {folder / 'log.jsonl'}, {folder / 'tables.f32'}",
    ]
    return "\n".join(lines)
