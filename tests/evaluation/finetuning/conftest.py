"""A tiny model in Hugging Face format with random weights, and a synthetic task."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from amlm.config.schema import ModelConfig
from amlm.models.build import build_model, save_hugging_face
from amlm.tokenizers.bpe import save_tokenizer, train_tokenizer

MAX_LENGTH = 64


def make_model(folder: Path, lines: list[str], dropout: float) -> Path:
    tokenizer = train_tokenizer(lambda: lines, 400)
    config = ModelConfig(
        hidden_size=32, layers=2, heads=2, intermediate_size=64, dropout=dropout,
        position_buckets=16, max_positions=MAX_LENGTH,
    )  # fmt: skip
    model = build_model(config, tokenizer.get_vocab_size(), None, seed=0)
    save_hugging_face(model, folder)
    save_tokenizer(tokenizer, folder, MAX_LENGTH)
    return folder


@pytest.fixture(scope="session")
def tiny_model(
    lines_of: Callable[[int, int], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """With dropout 0.1."""
    return make_model(tmp_path_factory.mktemp("model") / "tiny", lines_of(300, 5), 0.1)


@pytest.fixture(scope="session")
def still_model(
    lines_of: Callable[[int, int], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Without dropout."""
    return make_model(tmp_path_factory.mktemp("model") / "still", lines_of(300, 5), 0.0)


@pytest.fixture(scope="session")
def trivial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``data_dir`` with rte and wsc, whose label is 1 if the second text is "yes"."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "glue_filtered").mkdir()
    draw = random.Random(3)
    for split, count in (("train", 83), ("valid", 30)):
        rows: dict[str, list[dict[str, str | int]]] = {"rte": [], "wsc": []}
        for _ in range(count):
            label = draw.randint(0, 1)
            words = " ".join(draw.choices(["ba", "be", "bo", "ca"], k=draw.randint(1, 6)))
            answer = "yes" if label else "no"
            rows["rte"].append({"sentence1": words, "sentence2": answer, "label": label})
            spans = {"span1_text": words, "span2_text": "it", "text": answer}
            rows["wsc"].append({**spans, "label": label})
        for name, each in rows.items():
            text = "".join(json.dumps(row) + "\n" for row in each)
            (folder / "glue_filtered" / f"{name}.{split}.jsonl").write_text(text)
    return folder
