"""The datasheet of a run in a BabyLM track: its text, what of it was seen when, and checksums.

The facts are the record of kind ``data``, written when the run starts; `DATASHEET` in the run
folder shows them in words, with the words seen at each checkpoint so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amlm.config.schema import Config
from amlm.store.budget import CAPS, PASSES, uses
from amlm.store.plan import BatchPlan
from amlm.store.token_store import TokenStore
from amlm.text.corpora import Corpus, FileCorpus, PartCorpus
from amlm.text.sources import find_corpora
from amlm.training.record import Record, read_log
from amlm.util.files import sha256, write_aside
from amlm.util.text_table import markdown

DATASHEET = "datasheet.md"


def _files(corpus: Corpus) -> tuple[Path, ...]:
    if isinstance(corpus, PartCorpus):
        return _files(corpus.whole)
    return corpus.paths if isinstance(corpus, FileCorpus) else ()


def data_record(config: Config, store: TokenStore, plan: BatchPlan) -> Record:
    """The facts about the text of a run, known at its start.

    Raises:
        InputError: the text is missing.
    """
    data, epochs = config.data, plan.epoch(plan.total_steps)
    assert data.track is not None
    used = uses(data.track, store.meta["sources"]["train"], epochs, data.languages)
    corpora = {each.name: each for each in find_corpora(data)["train"]}
    sources = [
        {
            "name": source["name"],
            "words_before_cleaning": source["words_read"],
            "words_after_cleaning": source["words_kept"],
            "words": round(use.words),
            "passes": use.passes,
            # Hub datasets and the sample have no files: their identity says commit or seed.
            "identity": corpora[source["name"]].identity(),
            "files": {file.name: sha256(file) for file in _files(corpora[source["name"]])},
        }
        for source, use in zip(store.meta["sources"]["train"], used, strict=True)
    ]
    given = config.tokenizer.path
    return {
        "step": 0,
        "track": data.track,
        "sources": sources,
        "words": round(sum(use.words for use in used)),
        "words_held_out": store.words("dev"),
        "epochs": epochs,
        "cleaning": store.meta["key"]["cleaning"],
        "tokenizer": None if given is None else Path(given).name,
        "sha256": {
            "tokenizer.json": sha256(store.folder / "tokenizer" / "tokenizer.json"),
            "token ids": sha256(store.folder / "train.ids"),
        },
    }


def write_datasheet(folder: Path) -> None:
    """Writes the datasheet of a run, if it is in a track, from its record."""
    records = read_log(folder)
    facts = [record for record in records if record["kind"] == "data"]
    if facts:
        write_aside(folder / DATASHEET, datasheet(facts[-1], records))


_COUNTS = "words_before_cleaning", "words_after_cleaning", "words"


def datasheet(facts: Record, records: Sequence[Record]) -> str:
    """The datasheet as Markdown."""
    caps, sources = CAPS[facts["track"]], facts["sources"]
    text: list[Sequence[Any]] = [
        ["source", "words before cleaning", "after cleaning", "used", "passes in the run"]
    ]
    text += [
        [
            each["name"],
            *(f"{each[key]:,}" for key in _COUNTS),
            f"{each['passes']:.4g}",
        ]
        for each in sources
    ]
    text.append(["all", *(f"{sum(each[key] for each in sources):,}" for key in _COUNTS), ""])
    seen = [["checkpoint", "optimizer steps", "words seen"]]
    seen += [
        [each["name"], f"{each['step']:,}", f"{each['words_seen']:,}"]
        for each in records
        if each["kind"] == "checkpoint"
    ]
    seen += [
        ["main", f"{each['steps']:,}", f"{each['words_seen']:,}"]
        for each in records
        if each["kind"] == "summary"
    ]
    sums = [["file", "SHA-256"]]
    sums += [[name, digest] for each in sources for name, digest in each["files"].items()]
    sums += [[each["name"], each["identity"]] for each in sources if not each["files"]]
    sums += [[name, digest] for name, digest in facts["sha256"].items()]
    rules = sorted({rule for rules in facts["cleaning"].values() for rule in rules})
    tokenizer = (
        "The tokenizer was trained on the words used, and on nothing else."
        if facts["tokenizer"] is None
        else f"The tokenizer, {facts['tokenizer']}, was not trained by this run: the text that it "
        "was trained on counts towards the words of the track, and has to be added here."
    )
    sections = [
        "# Datasheet",
        f"Track {facts['track']}: at most {caps.words:,} words of text, {PASSES} passes, and "
        f"{caps.exposure:,} words seen. Words are what `str.split` yields, in the multilingual "
        "track English words of as many bytes, by byte premium.",
        markdown(text),
        f"Cleaning rules: {', '.join(rules) or 'none'}. Held out for validation, and not trained "
        f"on: {facts['words_held_out']:,} words.",
        tokenizer,
        "## Exposure",
        markdown(seen),
        "## Checksums",
        markdown(sums),
    ]
    return "\n\n".join(sections) + "\n"
