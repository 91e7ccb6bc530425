"""An arm of the study: Hugging Face's recipe for masked language modeling from scratch.

With the defaults of `run_mlm.py` of transformers: `DebertaV2ForMaskedLM` with its own initial
weights, `DataCollatorForLanguageModeling` at 15 %, AdamW without weight decay, learning rate 5e-5
that falls linearly to 0 without a warm-up, gradients clipped at norm 1. Text, tokenizer, shape,
held-out masks, batches (32 sequences of 64 tokens, where that script has 8) and the one pass over
the text are those of the study's arm `mlm`. The result goes into a file for `amlm.compare`:

    python notebooks/study/run_mlm.py out=run_mlm.json seed=0 data.dir=<text> \
        evaluation.data_dir=<evaluation data>

`lr=1e-3` trains with another learning rate, as an arm of its own.

Shapes: B sequences, L positions, M labelled positions, V token types.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import (
    DataCollatorForLanguageModeling,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    get_linear_schedule_with_warmup,
)

from amlm.config.composition import parse
from amlm.config.schema import Config, as_dict, flat
from amlm.models.loss import predictions
from amlm.report.runs import (
    RunResult,
    compared_options,
    held_out_metrics,
    load_runs,
    write_runs,
)
from amlm.store.token_store import open_store
from amlm.store.words_seen import WordCounter
from amlm.tokenizers.bpe import hugging_face_tokenizer
from amlm.training.assemble import Parts, make_parts
from amlm.training.callbacks.evaluation import Evaluation
from amlm.training.run_log import RunLog

RATIO, RECIPE_LR = 0.15, 5e-5
# What the recipe has in place of a run's options.
RECIPE: dict[str, Any] = {
    "optimizer.name": "adamw",
    "optimizer.beta1": 0.9,
    "optimizer.beta2": 0.999,
    "optimizer.eps": 1e-8,
    "optimizer.weight_decay": 0.0,
    "optimizer.clip": 1.0,
    "optimizer.warmup": 0.0,
    "masking.sampler._target_": "transformers.DataCollatorForLanguageModeling",
    "masking.replacement.random_ids": "all",
}


def train(model: DebertaV2ForMaskedLM, parts: Parts, lr: float, max_length: int) -> float:
    """Trains on the batches of a run; returns its realised mask ratio."""
    tokenizer = hugging_face_tokenizer(parts.store.tokenizer, max_length)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=RATIO)
    steps = parts.data.training
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=lr,
        betas=(RECIPE["optimizer.beta1"], RECIPE["optimizer.beta2"]),
        eps=RECIPE["optimizer.eps"],
        weight_decay=RECIPE["optimizer.weight_decay"],
    )
    schedule = get_linear_schedule_with_warmup(optimizer, 0, parts.plan.total_steps)
    labelled = maskable = 0
    start = time.process_time()
    model.train()
    for step in range(parts.plan.total_steps):
        ids_BL = steps[step].ids_GL
        maskable += sum(steps[step].maskable)
        batch = collate([{"input_ids": row} for row in ids_BL])
        labelled += int((batch["labels"] != -100).sum())
        loss = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE["optimizer.clip"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 100 == 99:
            print(f"step {step + 1:,} of {parts.plan.total_steps:,}: loss {loss.item():.3f}")
    print(f"{time.process_time() - start:.0f} seconds of a processor for {step + 1:,} steps")
    return labelled / maskable


@torch.no_grad()
def validate(model: DebertaV2ForMaskedLM, parts: Parts) -> dict[str, Any]:
    """The means of a run's validation, with the same masks."""
    module, data = parts.module, parts.data.validation
    model.eval()
    for number in range(len(data)):
        batch = data[number]
        drawn = module.validation_masking.corrupt(batch.ids_GL, batch.index)
        rows = module.validation_masking.rows(
            batch.ids_GL, drawn, batch.rows, batch.maskable, batch.index
        )
        logits_BLV = model(input_ids=rows.inputs_RL).logits
        module.validation.add(predictions(logits_BLV.flatten(0, 1)[rows.positions_M], rows))
    return module.validation.close()


def result(arguments: list[str], lr: float) -> RunResult:
    """Trains and scores one model."""
    config = parse(Config, ["sweep=study", "experiment=mlm", *arguments])
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    store = open_store(config.data, config.tokenizer, Path(config.paths.cache).expanduser(), print)
    parts = make_parts(config, store)
    torch.manual_seed(config.seed)
    model = DebertaV2ForMaskedLM(DebertaV2Config(**vars(parts.module.model.config)))
    ratio = train(model, parts, lr, config.model.max_positions)
    found = validate(model, parts)
    scores = Evaluation(
        config.evaluation,
        RunLog(Path(), enabled=False),
        store.tokenizer,
        parts.plan.total_steps,
        config.model.max_positions,
    ).score(model)
    metrics = dict(held_out_metrics(found))
    metrics |= {
        task: figure["score"] for task, figure in scores.items() if figure["score"] is not None
    }
    options = compared_options(flat(as_dict(config)))
    options |= {**RECIPE, "text": store.content.digest, "optimizer.lr": lr}
    group = "run_mlm" if lr == RECIPE_LR else f"run_mlm_lr_{lr:g}".replace("-", "_")
    return RunResult(
        run=f"{group}-{config.seed}",
        group=group,
        seed=config.seed,
        metrics=metrics,
        ratio=ratio,
        words_seen=WordCounter(store, parts.plan).seen(parts.plan.total_steps),
        options=options,
    )


def main() -> None:
    given = dict(each.partition("=")[::2] for each in sys.argv[1:])
    if "out" not in given:
        sys.exit("out=<file>.json is required: the file that the result is added to")
    out, lr = Path(given.pop("out")), float(given.pop("lr", RECIPE_LR))
    found = result([f"{name}={value}" for name, value in given.items()], lr)
    earlier = load_runs(out) if out.exists() else []
    write_runs(out, [*(each for each in earlier if each.run != found.run), found])
    print(f"{found.run}: accuracy {found.metrics['accuracy']:.1f} %, in {out}")


if __name__ == "__main__":
    main()
