"""The evaluation data of BabyLM 2026, from four dataset repositories of the Hugging Face Hub.

| repository | what becomes of it in ``<out>`` |
| --- | --- |
| `ITEMS` | ``evaluation_data/<suite>/<task>/...``, as it is |
| `PIQA`, two of them | ``.../<suite>/global_piqa_<kind>/eng_latn.jsonl`` in both suites |
| `EWOK`, after accepting its terms | ``.../full_eval/ewok_filtered``; the fast suite is unpacked |

Downloaded files that are not items themselves stay in ``<out>/sources``. Layouts: the challenge's
pipeline (`babylm-org/babylm-eval`, commit 6f825c2) and the cards of the repositories.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from amlm.text.downloads.archive import unpack
from amlm.text.downloads.ewok import NotFiltered, filter_ewok
from amlm.text.downloads.hub_repository import Gated, fetch_repository
from amlm.text.downloads.remote import Unreachable, conflict
from amlm.util.errors import InputError
from amlm.util.files import write_aside

ITEMS = "BabyLM-community/BabyLM-2026-Strict-Evals"
PIQA = "mrlbenchmarks/global-piqa-{kind}"
PIQA_FILE = "data/{kind}_eng_latn.tsv"
EWOK = "ewok-core/ewok-core-1.0"
EWOK_PASSWORD = b"BabyLM2025"  # in the pipeline's README; it keeps the items out of crawls
SUITES = "full_eval", "fast_eval"


def fetch_evaluation(out: Path, hub: str | None, say: Callable[[str], None]) -> list[int]:
    """Downloads all items that the user has access to; returns the sizes of the files in bytes.

    Args:
        out: the folder.
        hub: address of the Hub; None: the default.
        say: gets a line on what EWoK needs.

    Raises:
        Unreachable: the Hub refuses a repository other than EWoK's, or lacks a file.
        InputError: a file exists with other contents, or is not in its format.
    """
    sizes = fetch_repository(ITEMS, out, hub)
    for kind in ("parallel", "nonparallel"):
        place, file = out / "sources" / f"global-piqa-{kind}", PIQA_FILE.format(kind=kind)
        repository = PIQA.format(kind=kind)
        sizes += fetch_repository(repository, place, hub, only=file)
        if not (place / file).is_file():
            raise Unreachable(
                f"https://huggingface.co/datasets/{repository} has no {file}: look for the test "
                "split of eng_latn there, and write it, one JSON object a line, to "
                f"{out}/evaluation_data/<suite>/global_piqa_{kind}/eng_latn.jsonl"
            )
        content = piqa_lines(place / file)
        for suite in SUITES:
            path = out / "evaluation_data" / suite / f"global_piqa_{kind}" / "eng_latn.jsonl"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_aside(path, content)
            elif path.read_text(encoding="utf-8") != content:
                raise conflict(path)
    try:
        sizes += fetch_repository(EWOK, out / "sources" / "ewok-core-1.0", hub)
    except Gated:
        say(
            "EWoK is not there yet, all else is: log in at "
            f"https://huggingface.co/datasets/{EWOK}, accept its terms (among others, that its "
            "items are never published in plain text and never trained on), run `hf auth login`, "
            "and repeat the command"
        )
        return sizes
    for archive in (out / "evaluation_data").rglob("ewok_fast.zip"):
        unpack(archive, out, EWOK_PASSWORD)  # its members' paths begin at evaluation_data
    folder = out / "evaluation_data" / "full_eval" / "ewok_filtered"
    if not list(folder.glob("*.jsonl")):
        place = out / "sources" / "ewok-core-1.0"
        try:
            filter_ewok(place, folder)
        except NotFiltered as reason:
            say(
                f"EWoK's items for the full suite are not there yet ({reason}). They are those of "
                f"{place} whose words are in the challenge's vocabulary: repeat the command, or "
                "make them with `python -m evaluation_pipeline.ewok.dl_and_filter` in the folder "
                "strict of https://github.com/babylm-org/babylm-eval, and copy "
                f"evaluation_data/full_eval/ewok_filtered to {folder.parent}"
            )
    return sizes


def piqa_lines(path: Path) -> str:
    """The rows of a table of GlobalPIQA as JSON objects, one a line; its label is a number."""
    text = path.read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))
    try:
        items = [{**row, "label": int(row["label"])} for row in rows]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path} is not a table of GlobalPIQA with a number in each row's column label: remove "
            "it, and repeat the command"
        ) from None
    return "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items)
