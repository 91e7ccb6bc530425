"""A tiny model with checkpoints, and synthetic items of every task in the layout of the release."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from amlm.config.schema import ModelConfig
from amlm.evaluation.models import MaskedModel, load
from amlm.evaluation.places import find_model
from amlm.evaluation.rules import RULES
from amlm.models.build import build_model, save_hugging_face
from amlm.sample import minimal_pairs, sample_lines
from amlm.tokenizers.bpe import save_tokenizer, train_tokenizer

LIMIT = 400  # maximum length declared by the tiny model, in tokens


@pytest.fixture(scope="session")
def grammar_tokenizer() -> Tokenizer:
    lines = list(sample_lines(0, 20_000))
    return train_tokenizer(lambda: lines, 1_000)


def save_model(folder: Path, tokenizer: Tokenizer, seed: int) -> None:
    # With large initial weights scores differ and attention matters.
    config = ModelConfig(
        hidden_size=32,
        layers=2,
        heads=2,
        intermediate_size=64,
        position_buckets=32,
        max_positions=LIMIT,
        initializer_range=0.3,
    )
    save_hugging_face(build_model(config, tokenizer.get_vocab_size(), None, seed), folder)
    save_tokenizer(tokenizer, folder, LIMIT)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, grammar_tokenizer: Tokenizer) -> Path:
    """A run folder: ``hf`` and five checkpoints with random weights. Do not modify it."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    save_model(folder / "hf", grammar_tokenizer, seed=0)
    for seed, millions in enumerate((1, 2, 3, 10, 20), start=1):
        save_model(folder / "checkpoints" / f"chck_{millions}M", grammar_tokenizer, seed)
    (folder / "config.yaml").write_text("name: tiny\n")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_run: Path) -> MaskedModel:
    return load(find_model(str(tiny_run), "main"), "cpu", 512)


@pytest.fixture
def quick_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves of random surprisals take all the evaluations that a fit may make: fewer."""
    for year, rules in RULES.items():
        acquisition = replace(rules.acquisition, evaluations=200)
        monkeypatch.setitem(RULES, year, replace(rules, acquisition=acquisition))


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _reading(path: Path, dice: random.Random, words: list[str]) -> None:
    measures = ["RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound", "self_paced_reading_time"]
    rows, item = [], ""
    for number in range(60):
        if number % 6 == 0:
            item, previous = "", ""
        word = dice.choice(words)
        row: dict[str, Any] = {"": number, "item": item, "word": word}
        row["Subtlex_log10"] = "" if number % 17 == 3 else round(dice.uniform(2, 12), 3)
        row |= {"length": len(word), "context_length": len(item.split())}
        row |= {name: round(dice.gauss(200, 30), 2) for name in measures}
        first = number % 6 < 2
        row |= {"prev_word": "" if first else item.split()[-1], "prev_length": len(previous)}
        row["prev_item"] = "" if first else " ".join(item.split()[:-1])
        rows.append(row)
        item, previous = f"{item} {word}".strip(), word
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def eval_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both suites: ``fast_eval`` and ``full_eval``, a few items per file. Do not modify it."""
    root, dice = tmp_path_factory.mktemp("evaluation_data"), random.Random(0)
    pairs = [(pair.good, pair.bad) for pair in minimal_pairs(1, 200)]
    words = sorted({word.strip(".?,").lower() for good, _ in pairs for word in good.split()})

    def pair() -> dict[str, Any]:
        good, bad = dice.choice(pairs)
        return {"sentence_good": good, "sentence_bad": bad}

    for suite, ending in (("fast_eval", "fast"), ("full_eval", "filtered")):
        folder = root / suite
        for uid, name in (("npi", "semantics"), ("island", "syntax_semantics")):
            about = {"UID": uid, "field": name, "linguistics_term": uid + "_term"}
            write_lines(folder / f"blimp_{ending}" / f"{uid}.jsonl", [pair() | about] * 2)
            with (folder / f"blimp_{ending}" / f"{uid}.jsonl").open("a") as file:
                file.writelines(json.dumps(pair() | about) + "\n" for _ in range(6))
        write_lines(folder / f"supplement_{ending}" / "turns.jsonl", [pair() for _ in range(5)])
        for domain in ("agents", "spaces"):
            lines = [
                {
                    "Domain": domain,
                    "Context1": dice.choice(pairs)[0],
                    "Context2": dice.choice(pairs)[0],
                    "Target1": dice.choice(pairs)[0],
                    "Target2": dice.choice(pairs)[0],
                    "ContextType": dice.choice(["direct", "indirect"]),
                    "ContextDiff": "antonym",
                    "TargetDiff": dice.choice(["concept swap", "variable swap"]),
                }
                for _ in range(5)
            ]
            write_lines(folder / f"ewok_{ending}" / f"{domain}.jsonl", lines)
        wugs = [
            {"sentences": "\t".join(pair().values()), "ratio": dice.random()} for _ in range(12)
        ]
        write_lines(folder / "wug_adj_nominalization" / "wug_adj_nominalization.jsonl", wugs)
        write_lines(folder / "wug_past_tense" / "wug_past_tense.jsonl", wugs[::-1])
        _reading(folder / "reading" / "reading_data.csv", dice, words)
        splits = ("regular",) if suite == "fast_eval" else ("regular", "ambiref", "move_contents")
        for split in splits:
            boxes: list[dict[str, Any]] = [
                {
                    "numops": n % 3,
                    "input_prefix": f"{dice.choice(pairs)[0]} Box {n} contains ",
                    "options": [f"the {word}." for word in dice.sample(words, 4)],
                }
                for n in range(9)
            ]
            boxes[1]["options"][2] = boxes[5]["options"][0] = "nothing."
            name = "entity_tracking" + ("_fast" if suite == "fast_eval" else "")
            write_lines(folder / name / f"{split}.jsonl", boxes)
        for task, count in (("parallel", 4), ("nonparallel", 2)):
            questions = [
                {
                    "prompt": dice.choice(pairs)[0],
                    "label": dice.randrange(count),
                    "example_id": f"eng_{task}_{n}",
                    **{f"solution{i}": dice.choice(dice.choice(pairs)) for i in range(count)},
                }
                for n in range(8)
            ]
            write_lines(folder / f"global_piqa_{task}" / "eng_latn.jsonl", questions)
    full = root / "full_eval"
    endings = ["base", "wugs", "wugs_dist-before", "wugs_dist-in-between"]
    for number, ending in enumerate(endings, start=3):
        lines = [
            {
                "prefix_acceptable": f"A {words[n]}",
                "prefix_unacceptable": f"A {words[-n - 1]}",
                "property_phrase": f"can {dice.choice(words)} the {dice.choice(words)}.",
            }
            for n in range(number)
        ]
        write_lines(full / "comps" / f"comps_{ending}.jsonl", lines)
    known = dice.sample([word for word in words if len(word) > 2], 12)
    contexts = {word: [{"context": f"{w} the "} for w in dice.sample(words, 3)] for word in known}
    (full / "cdi_childes").mkdir()
    (full / "cdi_childes" / "cdi_childes.json").write_text(
        json.dumps({"a": [{"context": "skipped"}], **contexts})
    )
    (full / "aoa").mkdir()
    shutil.copy(full / "cdi_childes" / "cdi_childes.json", full / "aoa")
    months = list(map(str, range(16, 31)))
    rows = [["word", *months]]
    for number, word in enumerate(known):
        age = 18 + number
        rows.append([word, *(f"{1 / (1 + 2.7 ** (0.6 * (age - m)))}" for m in range(16, 31))])
    (full / "aoa" / "cdi_human.csv").write_text("\n".join(map(",".join, rows)) + "\n")
    return root
