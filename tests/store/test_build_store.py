"""Stores of mixed, cleaned sources: words, lines and text tables against the sources themselves, on
real text where it is available."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amlm.config.command_line import run
from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.describe import COLUMNS, rule_table, source_table
from amlm.store.token_store import TokenStore, open_store
from amlm.text.cleaning import clean, rules_for
from amlm.text.lines import SEGMENT
from amlm.text.readers import read_texts
from amlm.text.sources import find_corpora
from amlm.text.synthetic.make_triplets import COMMAND as TRIPLETS
from amlm.util.errors import InputError

Write = Callable[[Path, Mapping[str, str | bytes]], Path]
MakeConfig = Callable[..., DataConfig]
SMALL = TokenizerConfig(vocab_size=600)
AUTHORS = {
    "gutenberg": {"capital_headers": True, "sentences": True, "duplicate_starts": True},
    "simple_wiki": {"title_lines": True, "short_lines": True, "sentences": True},
}


def stored_lines(store: TokenStore, split: str) -> list[str]:
    """The lines of a store as text, with separators between the segments of a joined line."""
    lines: list[str] = []
    for piece in np.split(ids := store.ids(split), np.flatnonzero(ids == store.special.cls)):
        segments = [
            store.tokenizer.decode(segment.tolist())
            for segment in np.split(piece, np.flatnonzero(piece == store.special.sep) + 1)
            if len(segment)
        ]
        lines += [SEGMENT.join(segments)] if segments else []
    return lines


def by_source(store: TokenStore, split: str) -> dict[str, list[str]]:
    lines, found, first = stored_lines(store, split), {}, 0
    for source in store.meta["sources"][split]:
        found[source["name"]] = lines[first : first + source["lines"]]
        first += source["lines"]
    assert first == len(lines)
    return found


def words_of(lines: list[str]) -> int:
    return sum(len(line.split()) for line in lines)


@pytest.fixture(scope="module")
def mixed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    """50 % CHILDES, 30 % Gutenberg and 20 % triplets, 40,000 words in total."""
    folder = tmp_path_factory.mktemp("mix")
    triplets = folder / "triplets.jsonl"
    run(TRIPLETS, [f"out={triplets}", "source=grammar", "count=2000", "seed=1"])
    babylm = shared_data / "babylm"
    sources: dict[str, Any] = {
        name: {
            "path": str(babylm / "train" / f"{name}.train"),
            "dev": str(babylm / "dev" / "switchboard.dev"),
        }
        for name in ("childes", "gutenberg")
    }
    sources["triplets"] = {"path": str(triplets), "dev": str(triplets), "render": "joined"}
    config = DataConfig(
        sources=sources,
        shares={"childes": 0.5, "gutenberg": 0.3, "triplets": 0.2},
        words=40_000,
        cleaning=AUTHORS,
    )
    return open_store(config, SMALL, folder / "cache")


def test_shares_of_real_text_are_exact(mixed: TokenStore) -> None:
    words = {name: words_of(lines) for name, lines in by_source(mixed, "train").items()}
    for name, share in {"childes": 0.5, "gutenberg": 0.3, "triplets": 0.2}.items():
        assert words[name] == share * 40_000
    assert sum(words.values()) == mixed.words("train")


def test_every_sampled_sentence_is_in_its_source(mixed: TokenStore, shared_data: Path) -> None:
    lines = by_source(mixed, "train")
    for name in ("childes", "gutenberg"):
        path = shared_data / "babylm" / "train" / f"{name}.train"
        text = clean(read_texts(path), rules_for(AUTHORS, name), {})
        assert not Counter(lines[name]) - Counter(text)
    assert all(line.count(SEGMENT) == 2 for line in lines["triplets"])


def test_sampled_lines_come_from_the_whole_of_a_source(
    mixed: TokenStore, shared_data: Path
) -> None:
    text = list(read_texts(shared_data / "babylm" / "train" / "childes.train"))
    index_of = {line: index for index, line in enumerate(text) if len(line) > 60}
    positions = [
        index_of[line] / len(text)
        for line in by_source(mixed, "train")["childes"]
        if line in index_of
    ]
    assert len(positions) > 100
    assert np.histogram(positions, bins=5, range=(0, 1))[0].min() > 0.05 * len(positions)


@pytest.fixture(scope="module")
def whole(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    """Whole BabyLM files, cleaned like the paper's authors do."""
    folder = tmp_path_factory.mktemp("whole")
    for name in ("childes", "gutenberg", "simple_wiki", "switchboard"):
        path = shared_data / "babylm" / "dev" / f"{name}.dev"
        (folder / f"{name}.train").symlink_to(path)
    dev = str(shared_data / "babylm" / "dev" / "switchboard.dev")
    config = DataConfig(sources={"b": {"path": str(folder), "dev": dev}}, cleaning=AUTHORS)
    return open_store(config, SMALL, folder / "cache")


def test_source_and_rule_tables_add_up(whole: TokenStore, shared_data: Path) -> None:
    sources = whole.meta["sources"]["train"]
    lines = by_source(whole, "train")
    assert len(sources) == 4
    for source in sources:
        path = shared_data / "babylm" / "dev" / f"{source['name']}.dev"
        text = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        removed = sum(each["words"] for each in source["removed"].values())
        assert source["words_read"] == sum(map(len, text))
        assert source["lines_read"] == sum(map(bool, text))
        assert source["words_read"] == removed + source["words_kept"]
        assert source["words"] == source["words_kept"] == words_of(lines[source["name"]])
        assert source["lines"] == source["lines_kept"] == len(lines[source["name"]])
    assert sum(source["tokens"] for source in sources) == len(whole.ids("train"))
    rows = [line.split() for line in source_table(sources)[1:]]
    counts = np.array([[int(cell.replace(",", "")) for cell in row[1:8]] for row in rows])
    assert (counts[:-1].sum(0) == counts[-1]).all() and rows[-1][0] == "all"
    order = list(COLUMNS)
    read, removed, kept = (order.index(k) for k in ("words_read", "words_removed", "words_kept"))
    assert (counts[:, read] - counts[:, removed] == counts[:, kept]).all()
    by_rule = [int(line.split()[-2].replace(",", "")) for line in rule_table(sources)[1:]]
    assert sum(by_rule) == counts[-1, removed] > 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(), min_size=1, max_size=20))
def test_words_and_lines_of_any_text_equal_pythons(
    tmp_path: Path, write_text: Write, data_config: MakeConfig, texts: list[str]
) -> None:
    """For any Unicode text without NUL, the store reproduces its lines and counts its words."""
    cleaned = [text.replace("\0", "").replace("\n", " ").replace("\r", " ") for text in texts]
    raw = "\n".join(["one two", *cleaned]) + "\n"
    folder = write_text(tmp_path / "text", {"a.train": raw, "a.dev": raw})
    store = open_store(data_config(folder), TokenizerConfig(vocab_size=300), tmp_path / "cache")
    lines = [" ".join(line.split()) for line in raw.split("\n")]
    assert stored_lines(store, "train") == [line for line in lines if line]
    assert store.words("train") == len(raw.split())


def test_repeated_text_is_whole_passes_and_a_remainder(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    lines = [f"word{i} and more" for i in range(100)]
    write_text(tmp_path, {"a.train": "\n".join(lines), "a.dev": "held out\n"})
    config = data_config(tmp_path, words=750, allow_repeat=True)
    counts = Counter(stored_lines(open_store(config, SMALL, tmp_path / "cache"), "train"))
    assert set(counts) == set(lines) and sorted(counts.values()) == [2] * 50 + [3] * 50
    config.allow_repeat = False
    with pytest.raises(InputError, match="450 are missing"):
        open_store(config, SMALL, tmp_path / "cache")


def test_the_sampled_mix_depends_on_its_seed_alone(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    text = "\n".join(f"word{i} and more" for i in range(500))
    write_text(tmp_path, {"a.train": text, "a.dev": "held out\n"})

    def lines(seed: int, cache: str) -> list[str]:
        config = data_config(tmp_path, words=300, seed=seed)
        return stored_lines(open_store(config, SMALL, tmp_path / cache), "train")

    first = lines(0, "one")
    assert first == lines(0, "two") != lines(1, "one")
    # Without sampling the seed has no effect, and both seeds share one store.
    stores = {
        open_store(data_config(tmp_path, seed=seed), SMALL, tmp_path / "three").folder
        for seed in (0, 1)
    }
    assert len(stores) == 1


def test_cleaning_that_removes_everything_is_an_error(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    write_text(tmp_path, {"a.train": "too short\n", "a.dev": "held out and long enough\n"})
    config = data_config(tmp_path, cleaning={"a": {"short_lines": True}})
    with pytest.raises(InputError, match=r"cleaning removes all 1 lines of a:"):
        open_store(config, SMALL, tmp_path / "cache")


def test_joined_triplets_have_separators_between_their_sentences(
    tmp_path: Path, write_text: Write
) -> None:
    rows = '{"anchor": "a b", "positive": "c", "negative": "d e f"}\n' * 3
    path = write_text(tmp_path, {"t.jsonl": rows}) / "t.jsonl"
    sources = {"t": {"path": str(path), "dev": str(path), "render": "joined"}}
    store = open_store(DataConfig(sources=sources), SMALL, tmp_path / "cache")
    assert stored_lines(store, "train") == [SEGMENT.join(["a b", "c", "d e f"])] * 3
    ids = store.ids("train")
    special = store.special
    assert [int((ids == each).sum()) for each in (special.cls, special.sep)] == [3, 9]
    assert store.words("train") == 18
    assert find_corpora(DataConfig(sources=sources))["train"][0].raw is False
