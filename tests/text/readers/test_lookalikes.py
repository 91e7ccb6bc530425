"""Files that can be read as text but hardly are meant to be, against hand-made ones, and against
real text, which must never be taken for anything else."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from amlm.text.readers import taken_for_text
from amlm.text.readers.lookalikes import looks_like


def table(delimiter: str, rows: int = 3, header: tuple[str, ...] = ("", "text", "label_1")) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows((n, 'One, "two";\nand|three.\t', "yes") for n in range(rows))
    return out.getvalue()


RECORDS = [{"text": f"A sentence, {n}."} for n in range(30)]
OBJECTS = [json.dumps(each) for each in RECORDS]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n".join(OBJECTS), "JSON lines: name it .jsonl, or give its source format=jsonl"),
        ("\n\n" + OBJECTS[0] + "\n", "JSON lines: name it .jsonl"),
        (json.dumps(RECORDS), "a JSON document: save one object per line as .jsonl"),
        (json.dumps(RECORDS, indent=2), "a JSON document"),
        (json.dumps(RECORDS[0], indent=2), "a JSON document"),
        (table(","), "comma-separated values: name it .csv, or give its source format=csv"),
        (table(",", rows=40), "comma-separated values"),
        (table("\t"), "tab-separated values: name it .tsv, or give its source format=tsv"),
        (table(";"), "values separated by semicolons: save it with commas as .csv"),
        (table("|"), "values separated by vertical bars: save it with commas as .csv"),
        ("1\n00:00:01,000 --> 00:00:02,500\nHello.\n", "subtitles with their times: extract the"),
        ("../elsewhere/a.train", "a link that was stored as a text, as git does without core.sym"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n", "subtitles with their times: extract the"),
    ],
    ids=[
        "JSON lines",
        "one object",
        "JSON array",
        "indented array",
        "indented object",
        "CSV",
        "long CSV",
        "TSV",
        "semicolons",
        "bars",
        "SRT",
        "link",
        "WebVTT",
    ],
)
def test_what_looks_like_something_else_is_named(tmp_path: Path, text: str, what: str) -> None:
    for name, raw in (("a.train", text.encode()), ("a.txt.gz", gzip.compress(text.encode()))):
        path = tmp_path / name
        path.write_bytes(raw)
        remark = taken_for_text(path)
        assert remark is not None
        assert remark.startswith(f"{path} is read as plain text, but looks like {what}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Well, yes.\nWell, no.\nWell, perhaps.\n",
        "one,two\nthree,four\n",
        "Red, green\nblue, white\nblack, grey\n",
        "*MOT:\tlook at that .\n*CHI:\tdog .\n*MOT:\tyes .\n",
        "[laughs]\n{pause}\nYes.\n",
        '{"an": "object"}\nand a sentence.\n',
        "A:\tYes.\nB:\tNo.\nA:\tOh.\n",
    ],
    ids=["empty", "prose", "two rows", "lists", "CHAT", "brackets", "mixed", "speakers"],
)
def test_text_is_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.train"
    path.write_text(text)
    assert looks_like(path) is None


def test_a_name_that_says_the_format_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(OBJECTS))
    assert taken_for_text(path) is None


def test_real_text_is_text(shared_data: Path) -> None:
    files = [p for p in (shared_data / "babylm").rglob("*") if p.suffix in (".train", ".dev")]
    assert files
    assert [path.name for path in files if looks_like(path)] == []
