"""Texts and rows of JSONL, CSV, TSV and Parquet files against what was written to them; files that
can't be read against the message that names file, line or row, and column."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from amlm.text.readers import read_rows, read_texts
from amlm.text.readers import text_files as lines
from amlm.util.errors import InputError

# Texts as they are written, and the lines they are.
CELLS = [
    ("one, two", ["one, two"]),
    ("", []),
    ("  ", []),
    ('say "three"\tfour ', ['say "three" four']),
    ("five\nsix\r\n\r\nseven\reight", ["five", "six", "seven", "eight"]),
    ("café\u2028日本 🙂", ["café 日本 🙂"]),
]
LINES = [line for _, lines in CELLS for line in lines]
SUFFIXES = [".jsonl", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz"]


def table(folder: Path, suffix: str, columns: dict[str, list[Any]]) -> Path:
    """Writes columns to a file of that kind."""
    path = folder / f"a{suffix}"
    kind, _, packed = suffix[1:].partition(".")
    records = list(zip(*columns.values(), strict=True))
    if kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(columns), path)
        return path
    out = io.StringIO()
    if kind == "jsonl":
        out.writelines(json.dumps(dict(zip(columns, each, strict=True))) + "\n" for each in records)
    else:
        writer = csv.writer(out, delimiter="," if kind == "csv" else "\t")
        writer.writerows([list(columns), *records])
    raw = out.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def written(folder: Path, text: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("size", [1, 10, lines.BLOCK_BYTES])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_texts_of_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, size: int
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    numbers, cells = list(range(len(CELLS))), [cell for cell, _ in CELLS]
    path = table(tmp_path, suffix, {"id": numbers, "text": cells})
    assert list(read_texts(path)) == LINES
    named: dict[str, list[Any]] = {"text": numbers, "said here": cells}
    assert list(read_texts(table(tmp_path, suffix, named), column="said here")) == LINES


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_have_the_columns_in_the_requested_order(tmp_path: Path, suffix: str) -> None:
    path = table(
        tmp_path, suffix, {"a": ["1", "2 "], "b": ["x", "y\nz"], "c": [" é  è", '"quoted"']}
    )
    assert list(read_rows(path, ["c", "a"])) == [("é è", "1"), ('"quoted"', "2")]
    assert list(read_rows(path, ["b"])) == [("x",), ("y z",)]


def test_rows_of_real_triplets_and_tables(shared_data: Path) -> None:
    path = shared_data / "eval" / "blimp_fast" / "adjunct_island.jsonl"
    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    columns = ["sentence_bad", "UID", "sentence_good"]
    assert list(read_rows(path, columns)) == [
        tuple(" ".join(record[column].split()) for column in columns) for record in records
    ]
    path = shared_data / "eval" / "reading" / "reading_data.csv"
    with path.open(encoding="utf-8", newline="") as file:
        sentences = [record["sentence"] for record in csv.DictReader(file)]
    assert list(read_texts(path, column="sentence")) == [
        " ".join(each.split()) for each in sentences
    ]
    assert len(sentences) == 1_726


def test_null_and_blank_are_no_text_but_no_error(tmp_path: Path) -> None:
    path = written(tmp_path, '{"text": null}\n\n \r\n{"text": "one"}\r\n{"text": " "}', "a.json")
    assert list(read_texts(path)) == ["one"]
    path = table(tmp_path, ".parquet", {"text": [None, "one", ""]})
    assert list(read_texts(path)) == ["one"]
    path = written(tmp_path, "\n text ,id\n\none,1\n\n ,2\n", "a.csv")
    assert list(read_texts(path)) == ["one"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_column_is_no_text(tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path, suffix, {"text": ["", " \n", ""], "id": ["1", "2", "3"]})
    with pytest.raises(InputError, match=rf"a{suffix} contains no text"):
        list(read_texts(path))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv"])
def test_empty_file_has_no_text(tmp_path: Path, suffix: str) -> None:
    for text in ("", "\n\n", "\ufeff"):
        path = written(tmp_path, text, f"a{suffix}")
        for found in (read_texts(path), read_rows(path, ["a", "b"])):
            with pytest.raises(InputError, match=rf"a{suffix} contains no text"):
                list(found)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_column_is_reported_with_the_existing_ones(tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path, suffix, {"id": ["1"], "": ["2"], "sentence": ["one"]})
    message = r"no column sentense \(did you mean sentence\?\): there is id, sentence$"
    with pytest.raises(InputError, match=message) as caught:
        list(read_texts(path, column="sentense"))
    assert str(path) in str(caught.value)
    with pytest.raises(InputError, match=r"no column label: there is id, sentence$"):
        list(read_rows(path, ["id", "label"]))


@pytest.mark.parametrize("value", [3, 0.5, True, ["one"], {"en": "one"}])
@pytest.mark.parametrize(("suffix", "place"), [(".jsonl", "line 1"), (".parquet", "row 1")])
def test_non_text_value_is_refused(tmp_path: Path, suffix: str, place: str, value: Any) -> None:
    path = table(tmp_path, suffix, {"text": [value], "id": ["1"]})
    for found in (read_texts(path), read_rows(path, ["id", "text"])):
        with pytest.raises(InputError) as caught:
            list(found)
        assert f"{path}, {place}: column text is {value!r}, which is not text" in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", ["", " \t"])
def test_row_with_an_empty_value_is_refused(tmp_path: Path, suffix: str, value: str) -> None:
    path = table(tmp_path, suffix, {"a": ["1", "2"], "b": ["x", value]})
    place = {".parquet": "row 2", ".jsonl": "line 2"}.get(suffix.removesuffix(".gz"), "line 3")
    with pytest.raises(InputError, match=f"{path}, {place}: column b is empty"):
        list(read_rows(path, ["a", "b"]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "two"', r"broken JSON \(Expecting ',' delimiter at character 15\)"),
        ("two", r'broken JSON \(Expecting value at character 1\).* e.g. {"text": "..."}'),
        ('{"text": "two"} {"text": "three"}', r"broken JSON \(Extra data at character 17\)"),
        ("[" * 100_000, "broken JSON .*(recursion|Stack overflow)"),
        ('{"text": ' + "1" * 5_000 + "}", "broken JSON .*digits"),
        ('["two"]', "not a JSON object such as"),
        ('"two"', "not a JSON object such as"),
        ("null", "not a JSON object such as"),
        ("{}", "no column text: there is none"),
        ('{"txt": "two"}', r"no column text \(did you mean txt\?\): there is txt"),
        (r'{"text": "two\u0000"}', "a NUL character in column text"),
        (r'{"text": "\ud83d two"}', "half a surrogate pair in column text"),
        ('{"text": "two\0"}', "a NUL byte"),
    ],
)
def test_broken_json_is_reported_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, f'{{"text": "one"}}\n\n{line}\n{{"text": "last"}}\n', "a.jsonl")
    found = read_texts(path)
    assert next(found) == "one"
    with pytest.raises(InputError, match=f"{path}, line 3: {message}"):
        list(found)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("3\n", "line 5: 1 cells, but 2 columns"),
        ("3,,\n", "line 5: 3 cells, but 2 columns: quote cells that contain a delimiter"),
        ('3,"two"s\n', "line 5: .*expected after.*double every quotation mark within a cell"),
        ('3,"two\n4,three\n', "line 5: .*double every quotation mark within a cell"),
        ("3,two\n4,\0\n", "line 6: a NUL byte"),
        ('3,"' + "two\n" * 60 + '",\n', "line 5: a row of more than 200 characters"),
    ],
    ids=["too few", "too many", "quotes", "open quotes", "NUL", "endless cell"],
)
def test_broken_row_is_reported_with_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str, message: str
) -> None:
    monkeypatch.setattr("amlm.text.readers.records.LINE_LIMIT", 200)
    path = written(tmp_path, f'id,text\r\n\r\n1,"one\r\nmore"\r\n{rows}', "a.csv")
    with pytest.raises(InputError, match=f"{path}, {message}"):
        list(read_texts(path))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "id;text\n1;one, two\n", "semicolons, not by commas: save the file with commas"),
        ("a.csv", "id\ttext\n1\tone\n", "tabs, not by commas: give format=tsv"),
        ("a.tsv", "id,text\n1,one\n", "commas, not by tabs: give format=csv"),
        ("a.tsv", "id|text\n1|one\n", "vertical bars, not by tabs: save the file with commas"),
    ],
)
def test_another_delimiter_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name}, line 1: the columns are separated by {said}"):
        list(read_texts(tmp_path / name))


def test_duplicate_column_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "text,id,text\none,1,two\n", "a.csv")
    with pytest.raises(InputError, match=r"a\.csv, line 1: several columns are named text"):
        list(read_texts(path))
    assert list(read_texts(path, column="id")) == ["1"]


def test_long_cell_is_read(tmp_path: Path) -> None:
    long = "word " * 100_000  # more than the `csv` module takes by itself
    path = table(tmp_path, ".csv", {"text": [long]})
    assert list(read_texts(path)) == [long.strip()]


def test_plain_text_has_no_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "anchor\tother\n", "triplets.txt")
    with pytest.raises(InputError, match=r"triplets.txt is plain text, .* \(anchor, other\)"):
        list(read_rows(path, ["anchor", "other"]))
    assert list(read_texts(path)) == ["anchor other"]


def test_given_format_takes_precedence_over_the_suffix(tmp_path: Path) -> None:
    path = written(tmp_path, "anchor\tother\none\ttwo\n", "triplets.txt")
    assert list(read_rows(path, ["anchor", "other"], format="tsv")) == [("one", "two")]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("empty", "damaged after row 0, or not a Parquet file"),
        ("text", "damaged after row 0, or not a Parquet file"),
        ("cut", "damaged after row 0, or not a Parquet file"),
        ("changed", r"damaged after row \d+, or not a Parquet file"),
    ],
)
def test_damaged_parquet_is_refused(tmp_path: Path, damage: str, message: str) -> None:
    path = table(tmp_path, ".parquet", {"text": [f"line {i * i}" for i in range(20_000)]})
    raw = path.read_bytes()
    at = len(raw) // 3
    path.write_bytes(
        {
            "empty": b"",
            "text": b"plain text\n" * 10,
            "cut": raw[:-100],
            "changed": raw[:at] + bytes(200) + raw[at + 200 :],
        }[damage]
    )
    with pytest.raises(InputError, match=f"{path}: {message}"):
        list(read_texts(path))


def test_parquet_text_that_is_not_utf_8_is_an_input_error(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts = pyarrow.array([b"one", b"na\xefve"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet: damaged after row 0.*UTF"):
        list(read_texts(tmp_path / "a.parquet"))


def test_parquet_categories_and_row_groups_are_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = [f"line {i % 7}" for i in range(5_000)]
    texts = pyarrow.array(expected).dictionary_encode()
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=700)
    assert list(read_texts(path)) == expected
