"""Shared fixtures: generated text in the layout of a BabyLM release, and a store built from it.

Each test starts with one thread and the same global random state, whichever ran before it in its
process and however many processes share the tests."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.token_store import TokenStore, open_store
from tests import composed_once

gc.disable()  # until all tests are imported, see `pytest_collection_finish`
VOCAB_SIZE = 700

# The same examples in every run.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

ROOT = Path(__file__).resolve().parents[1]
# One thread: tensors this small only wait for a second one. Processes that tests start have one
# too, and run the code under test, whatever is installed.
torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # Triton reads it when it is imported
os.environ["OMP_NUM_THREADS"] = "1"
# oneDNN compiles a product for each new shape, a thousandth of a second that is a fifth of a tiny
# run or evaluation; ours keeps 64 of them, to save memory. They give the same bits.
for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(name, "2048")
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
)


composed_once.install()


@pytest.fixture(autouse=True)
def same_random_state() -> None:
    torch.manual_seed(0)


def generated_lines(count: int, seed: int) -> list[str]:
    """Lines of synthetic words, frequent and rare, with clitics, numbers, punctuation and unusual
    characters.

    Some spell a special token or contain the tokenizer's own marks, as text from the web can.
    """
    draw = random.Random(seed)
    spell = random.Random(0)  # the same words whatever the seed
    syllables = [a + b for a in "bcdfglmnprst" for b in ("a", "e", "i", "o", "u", "an", "er")]
    words = ["".join(spell.choices(syllables, k=spell.choice([1, 1, 2, 3]))) for _ in range(500)]
    words[:0] = ["don't", "it's", "...", "1999"]
    words[40:40] = ["[MASK]", "[SEP]", "a▁b"]
    words += ["'Tis", "café", "naïve", "«so»", "日本", "🙂", "x-ray", "A.B."]
    words += ["[CLS]", "▁", "\ue0001", "<0x0A>", "--", "$3.50", "e\u0301"]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    return [
        " ".join(draw.choices(words, weights, k=draw.randint(1, 14))) + draw.choice(["", ".", " ?"])
        for _ in range(count)
    ]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real text and evaluation items; tests that need it are skipped without it."""
    folder = Path(os.environ.get("AMLM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the folder of real text and evaluation items (AMLM_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def lines_of() -> Callable[[int, int], list[str]]:
    """``lines_of(count, seed)``: generated lines of text."""
    return generated_lines


@pytest.fixture(scope="session")
def write_text() -> Callable[[Path, Mapping[str, str | bytes]], Path]:
    """``write_text(folder, {"a.train": text})`` writes files and returns the folder."""

    def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return write


@pytest.fixture(scope="session")
def data_config() -> Callable[..., DataConfig]:
    """``data_config(folder, **options)``: the ``data`` section for a folder of text."""

    def make(folder: Path, **options: Any) -> DataConfig:
        return DataConfig(sources={"babylm": {"path": str(folder)}}, **options)

    return make


@pytest.fixture(scope="session")
def corpus_dir(
    tmp_path_factory: pytest.TempPathFactory,
    write_text: Callable[[Path, Mapping[str, str | bytes]], Path],
) -> Path:
    """Two sources: 2,000 training lines and 400 held-out ones. Tests must not modify it."""
    lines = {
        "train/childes.train": generated_lines(1_200, seed=1),
        "train/simple_wiki.train": generated_lines(800, seed=2),
        "dev/childes.dev": generated_lines(250, seed=3),
        "dev/simple_wiki.dev": generated_lines(150, seed=4),
    }
    return write_text(
        tmp_path_factory.mktemp("corpus"),
        {name: "\n".join(each) + "\n" for name, each in lines.items()},
    )


@pytest.fixture(scope="session")
def small_store(
    corpus_dir: Path,
    data_config: Callable[..., DataConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> TokenStore:
    """The store of `corpus_dir`, with up to 700 types. Tests must not modify it."""
    return open_store(
        data_config(corpus_dir),
        TokenizerConfig(vocab_size=VOCAB_SIZE),
        tmp_path_factory.mktemp("cache"),
    )


def pytest_collection_finish() -> None:
    # What is imported by now stays: to search it for garbage again and again took an eighth of the
    # suite's time.
    gc.freeze()
    gc.set_threshold(2_000, 20, 50)
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store-golden", action="store_true", help="store the losses of this run as golden losses"
    )
    parser.addoption(
        "--all-items", action="store_true", help="compare all evaluation items, not just a few"
    )
