"""The downloads of 2026, against a stand-in of the Hub with files laid out like the real ones.

The archive of EWoK is encrypted here by the cipher's definition (PKWARE's APPNOTE, section 6.1),
because `zipfile` only decrypts.
"""

from __future__ import annotations

import binascii
import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from amlm.config.schema import DataConfig
from amlm.evaluation.submission import sizes
from amlm.text.downloads import ewok
from amlm.text.downloads.download import Download, download
from amlm.text.downloads.evaluation_2026 import EWOK, ITEMS, PIQA
from amlm.text.sources import find_corpora
from amlm.util.errors import InputError
from tests.text.downloads.conftest import COMMIT, Hub

PIPELINE = "babylm-org/babylm-eval"
SMALL = "BabyLM-community/BabyLM-2026-Strict-Small"
SUITES = ("full_eval", "fast_eval")
ITEM = b'{"Context1": "a", "Target1": "b"}\n'
FAST_EWOK = "evaluation_data/fast_eval/ewok_fast/social-relations.jsonl"
PARQUET = "data/test/ewok-core-1.0.parquet"
# A quoted value may contain the separator and line breaks, as pandas and csv read it.
PARALLEL = (
    "prompt\tsolution0\tsolution1\tsolution2\tsolution3\tlabel\tlanguage\texample_id\n"
    'To open a jar\ttwist\tpull\t"say ""please"""\tsing\t0\teng_latn\tp-1\n'
    '"To dry\tclothes\nfast"\tsoak\thang\tbury\teat\t1\teng_latn\tp-2\n'
)
NONPARALLEL = "prompt\tsolution0\tsolution1\tlabel\texample_id\nTo écrire\tpen\tpan\t1\tn-1\n"


def encrypted_zip(name: str, content: bytes, password: bytes) -> bytes:
    """A zip archive with one stored member, in the traditional encryption of zip."""
    table = [0] * 256
    for n in range(256):
        value = n
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[n] = value

    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = keys[0] >> 8 ^ table[(keys[0] ^ byte) & 255]
        keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = keys[2] >> 8 ^ table[(keys[2] ^ keys[1] >> 24) & 255]

    def encrypt(byte: int) -> int:
        temporary = keys[2] | 2
        coded = byte ^ (temporary * (temporary ^ 1) >> 8 & 255)
        update(byte)
        return coded

    for byte in password:
        update(byte)
    crc = binascii.crc32(content)
    body = bytes(encrypt(byte) for byte in [*range(11), crc >> 24, *content])
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr(name, b"")
    made = bytearray(plain.getvalue())
    start, directory = 30 + len(name), made.index(b"PK\1\2")
    for at, flags in ((0, 6), (directory, 8)):
        made[at + flags] |= 1
        struct.pack_into("<III", made, at + flags + 8, crc, len(body), len(content))
    end = made.index(b"PK\5\6")
    struct.pack_into("<I", made, end + 16, directory + len(body))
    return bytes(made[:start] + body + made[start:])


@pytest.fixture
def release(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The repositories of 2026, with a few items."""
    address = f"{hub.address}/datasets/{PIPELINE}/resolve/{COMMIT}/vocab.txt"
    monkeypatch.setattr(ewok, "VOCABULARY", address)
    hub.repositories |= {
        ITEMS: {
            "README.md": b"# Evaluation\n",
            "evaluation_data/full_eval/blimp_filtered/wh_island.jsonl": ITEM,
            "evaluation_data/full_eval/aoa/cdi_childes.json": b"{}",
            "evaluation_data/fast_eval/blimp_fast/wh_island.jsonl": ITEM,
            "evaluation_data/fast_eval/ewok_fast.zip": encrypted_zip(
                FAST_EWOK, ITEM, b"BabyLM2025"
            ),
        },
        PIQA.format(kind="parallel"): {
            "data/parallel_eng_latn.tsv": PARALLEL.encode(),
            "data/parallel_nld_latn.tsv": b"x\n",
        },
        PIQA.format(kind="nonparallel"): {
            "data/nonparallel_eng_latn.tsv": NONPARALLEL.encode(),
            "data/dev_eng_latn.tsv": b"x\n",
        },
        EWOK: {"README.md": b"# EWoK\n", PARQUET: b"PAR1"},
        PIPELINE: {"vocab.txt": b"ali\n"},
        SMALL: {
            f"{name}.train.txt": f"{name} line\n".encode() * 3_000 for name in ("childes", "bnc")
        },
    }
    return hub


def get(hub: Hub, out: Path, what: str = "eval_2026") -> str:
    said: list[str] = []
    download(Download(what, str(out)), hub=hub.address, say=said.append)
    return "\n".join(said)


def test_items_of_all_repositories_come_once(release: Hub, tmp_path: Path) -> None:
    said = get(release, tmp_path)
    for name, content in release.repositories[ITEMS].items():
        assert (tmp_path / name).read_bytes() == content
    assert (tmp_path / FAST_EWOK).read_bytes() == ITEM
    assert (tmp_path / "sources" / "ewok-core-1.0" / PARQUET).read_bytes() == b"PAR1"
    for suite in ("full_eval suite=full", "fast_eval"):
        assert f"data_dir={tmp_path}/evaluation_data/{suite} tasks=" in said
    for text in (
        "full suite are not there yet (",
        "ewok.dl_and_filter",
        "evaluation_data/full_eval",
    ):
        assert text in said
    got = sorted(release.got)
    assert not {"data/parallel_nld_latn.tsv", "data/dev_eng_latn.tsv"} & set(got)
    get(release, tmp_path)
    assert sorted(release.got) == got, "nothing comes twice"


def test_global_piqa_is_written_for_both_suites(release: Hub, tmp_path: Path) -> None:
    get(release, tmp_path)
    for suite in SUITES:
        folder = tmp_path / "evaluation_data" / suite
        parallel, nonparallel = (
            (folder / f"global_piqa_{kind}" / "eng_latn.jsonl").read_text("utf-8").splitlines()
            for kind in ("parallel", "nonparallel")
        )
        assert [json.loads(line) for line in parallel] == [
            {
                "prompt": "To open a jar",
                "solution0": "twist",
                "solution1": "pull",
                "solution2": 'say "please"',
                "solution3": "sing",
                "label": 0,
                "language": "eng_latn",
                "example_id": "p-1",
            },
            {
                "prompt": "To dry\tclothes\nfast",
                "solution0": "soak",
                "solution1": "hang",
                "solution2": "bury",
                "solution3": "eat",
                "label": 1,
                "language": "eng_latn",
                "example_id": "p-2",
            },
        ]
        assert json.loads(nonparallel[0])["prompt"] == "To écrire"


def test_gated_items_are_named_with_what_to_accept(release: Hub, tmp_path: Path) -> None:
    release.gated.add(EWOK)
    said = get(release, tmp_path)
    for text in ("EWoK is not there yet", EWOK, "accept its terms", "hf auth login", "repeat"):
        assert text in said
    assert not (tmp_path / FAST_EWOK).exists(), "its items are not unpacked without access"
    for name in ("blimp_fast/wh_island.jsonl", "global_piqa_parallel/eng_latn.jsonl"):
        assert (tmp_path / "evaluation_data" / "fast_eval" / name).is_file()
    release.gated.clear()
    get(release, tmp_path)
    assert (tmp_path / FAST_EWOK).is_file()


def test_another_password_is_reported(release: Hub, tmp_path: Path) -> None:
    files = release.repositories[ITEMS]
    files["evaluation_data/fast_eval/ewok_fast.zip"] = encrypted_zip(FAST_EWOK, ITEM, b"other")
    with pytest.raises(InputError, match=r"ewok_fast\.zip can't be unpacked .* by hand"):
        get(release, tmp_path)


def test_own_items_are_never_overwritten(release: Hub, tmp_path: Path) -> None:
    mine = tmp_path / "evaluation_data" / "fast_eval" / "global_piqa_parallel" / "eng_latn.jsonl"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}\n")
    with pytest.raises(InputError, match="exists already, with other contents"):
        get(release, tmp_path)
    assert mine.read_text() == "{}\n"


def test_a_renamed_table_of_global_piqa_is_reported(release: Hub, tmp_path: Path) -> None:
    files = release.repositories[PIQA.format(kind="parallel")]
    files["data/eng.tsv"] = files.pop("data/parallel_eng_latn.tsv")
    with pytest.raises(InputError) as error:
        get(release, tmp_path)
    for text in ("has no data/parallel_eng_latn.tsv", "global-piqa-parallel", "eng_latn.jsonl"):
        assert text in str(error.value)


@pytest.mark.parametrize("table", ["prompt\tanswer\nx\ty\n", "prompt\tlabel\nx\tyes\n"])
def test_another_table_is_refused(release: Hub, tmp_path: Path, table: str) -> None:
    files = release.repositories[PIQA.format(kind="parallel")]
    files["data/parallel_eng_latn.tsv"] = table.encode()
    with pytest.raises(InputError, match=r"parallel_eng_latn\.tsv is not a table of GlobalPIQA"):
        get(release, tmp_path)


def test_text_without_development_files_is_trained_with_a_held_out_share(
    release: Hub, tmp_path: Path
) -> None:
    said = get(release, tmp_path, "strict_small_2026")
    assert f"data=babylm data.dir={tmp_path} data.holdout=0.01" in said
    assert "no development text" in said and "100,000 of 10 million words" in said
    sources = {"babylm": {"path": str(tmp_path)}}
    with pytest.raises(InputError) as error:
        find_corpora(DataConfig(sources=sources, dir=str(tmp_path)))
    for text in (f"data.dir={tmp_path}", "no *.dev file beside the 2", "data.holdout=0.01"):
        assert text in str(error.value)
    found = find_corpora(DataConfig(sources=sources, dir=str(tmp_path), holdout=0.1))
    assert [each.name for each in found["train"]] == ["bnc", "childes"]
    for train, dev in zip(found["train"], found["dev"], strict=True):
        lines = len(list(train.lines())), len(list(dev.lines()))
        assert sum(lines) == 3_000 and 0 < lines[1] < 900


def test_the_name_of_the_repository_does_as_well(release: Hub, tmp_path: Path) -> None:
    assert "data.holdout=0.01" in get(release, tmp_path, f"hub:{SMALL}")
    assert (tmp_path / "childes.train.txt").read_bytes() == b"childes line\n" * 3_000


def test_words_are_those_of_the_penn_treebank() -> None:
    for text, found in (
        ("ali doesn't see bob's dog.", "ali does n't see bob 's dog ."),
        ("it's well-known, isn't it?", "it 's well-known , is n't it ?"),
        ("she cannot; he can't. they'll go.", "she can not ; he ca n't . they 'll go ."),
        ('he said "no" ... 1,000 times', "he said `` no '' ... 1,000 times"),
    ):
        assert ewok.words(text) == found.split()


def test_the_full_suite_of_ewok_has_known_words_only(
    release: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(sizes.SIZES["2026"]["full"]["ewok"].values()) == ewok.TOTAL
    rows = [
        {"Domain": domain, "ItemID": n, "Context1": context, "Context2": "Bob is here.",
         "Target1": "Ali isn't here.", "Target2": "Ali is here."}
        for n, (domain, context) in enumerate(
            [("spatial-relations", "Ali is here."), ("social-properties", "Ali is here!"),
             ("spatial-relations", "Ali and Bob aren't here.")])
    ]  # fmt: skip
    packed, pyarrow = io.BytesIO(), pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), packed)
    release.repositories[EWOK][PARQUET] = packed.getvalue()
    release.repositories[PIPELINE]["vocab.txt"] = b"ali\nis\nn't\nhere\nbob\nand\nare\n."
    folder = tmp_path / "evaluation_data" / "full_eval" / "ewok_filtered"
    said = get(release, tmp_path)
    assert "not there yet (4 items have known words only, not 7,618)" in said
    assert not folder.exists()
    monkeypatch.setattr(ewok, "TOTAL", 4)  # the other one has a "!"
    assert "not there yet" not in get(release, tmp_path)
    (path,) = folder.iterdir()
    assert path.name == "spatial-relations.jsonl"
    items = [json.loads(line) for line in path.read_text().splitlines()]
    assert [items[0], items[2]] == [rows[0], rows[2]]
    swapped = {"Context1": rows[2]["Context2"], "Context2": rows[2]["Context1"],
               "Target1": rows[2]["Target2"], "Target2": rows[2]["Target1"]}  # fmt: skip
    assert items[3] == rows[2] | swapped
    path.write_text("of the user\n")
    get(release, tmp_path)
    assert path.read_text() == "of the user\n"
