"""Speed of a short real training run, and the projected time of the paper's run.

The strict-small run sees 100 million words: ten epochs of ten million, half of them in sequences of
64 tokens, half in sequences of 256.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from amlm.benchmark.bench_options import Options, configuration
from amlm.benchmark.synthetic_text import synthetic_store
from amlm.store.token_store import open_store
from amlm.training.record import read_log
from amlm.training.run import run
from amlm.util.terminal import say

WORDS_SEEN = 100_000_000
WARM_UP = 0.3  # fraction of a run that is excluded from its speed


def measure_run(options: Options) -> dict[str, Any]:
    """Tokens per second of a short training run, and the projected time of its half of the whole.

    The speed includes callbacks, log and checkpoints, but not validation.
    """
    config = configuration(options, "experiment=hard_decay")
    config.trainer.max_steps = options.steps
    config.trainer.log_every = max(1, options.steps // 10)
    config.trainer.validate_every = 0
    # Excluded from the speed, and therefore kept small.
    config.data.validation_tokens = config.validation.batch_tokens
    config.evaluation.tasks = []
    if options.data_dir is None:
        store = synthetic_store(config)
    else:
        config.data.sources = {"text": {"path": options.data_dir}}
        store = open_store(config.data, config.tokenizer, Path(config.paths.cache), say)
    tokens_per_word = len(store.ids("train")) / store.words("train")
    with tempfile.TemporaryDirectory() as folder:
        config.run_dir = str(Path(folder) / "run")
        records = [r for r in read_log(run(config).folder) if r["kind"] == "train"]
    speed = statistics.median(
        record["tokens_per_second"]
        for record in records
        if record["step"] > WARM_UP * options.steps
    )
    return {
        "run_tokens_per_s": speed,
        "tokens_per_word": tokens_per_word,
        "last_loss": records[-1]["loss"],
        "projected_minutes": WORDS_SEEN / 2 * tokens_per_word / speed / 60,
    }
