"""Which files of a folder are text: links are followed, hidden files are not data, and what only
stands for a file is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlm.config.schema import DataConfig
from amlm.text.corpora import FileCorpus
from amlm.text.readers import read_texts
from amlm.text.sources import find_corpora
from amlm.util.errors import InputError


def names(path: Path | str) -> dict[str, list[str]]:
    config = DataConfig(sources={"mine": {"path": str(path)}}, holdout=0.1)
    return {s: [each.name for each in found] for s, found in find_corpora(config).items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "text"
    made.mkdir()
    for name in ("a.train", "a.dev"):
        (made / name).write_text("Some text.\n")
    return made


def test_linked_files_and_folders_are_followed_without_cycles(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("b.train", "b.dev"):
        (other / name).write_text("More text.\n")
    (folder / "linked").symlink_to(other)
    (folder / "up").symlink_to(folder)
    (other / "back").symlink_to(folder)
    (folder / "c.train").symlink_to(other / "b.train")
    assert names(folder) == {"train": ["a", "c", "b"], "dev": ["a", "c", "b"]}


@pytest.mark.parametrize("name", ["c.train", "more"])
def test_a_link_that_leads_nowhere_is_an_error(name: str, folder: Path) -> None:
    (folder / name).symlink_to("nowhere")
    with pytest.raises(InputError, match=rf"{name} is a link to nowhere, which .*: restore it"):
        names(folder)


def test_hidden_files_are_no_text(folder: Path) -> None:
    for name in (".b.train", "._a.train", "__MACOSX/a.train", ".git/c.train", "__MACOSX/x/d.dev"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\26\7")
    assert names(folder) == {"train": ["a"], "dev": ["a"]}

    (folder / "._x.txt").write_bytes(b"\0")
    (folder / "x.txt").write_text("Some text.\n")
    (folder / ".hidden.txt").write_text("Asked for.\n")
    for glob, expected in (("*.txt", ["x.txt"]), (".hid*.txt", [".hidden.txt"])):
        config = DataConfig(sources={"mine": {"path": str(folder / glob)}}, holdout=0.1)
        (corpus,) = find_corpora(config)["dev"]
        whole = corpus.whole  # type: ignore[attr-defined]
        assert isinstance(whole, FileCorpus) and [each.name for each in whole.paths] == expected


@pytest.mark.parametrize(
    ("pointer", "said"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        ("/annex/objects/MD5E-s9--0.train\n", "git annex get"),
    ],
)
@pytest.mark.parametrize("name", ["a.train", "a.jsonl", "a.csv"])
def test_a_pointer_to_a_file_elsewhere_is_not_text(
    name: str, pointer: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(pointer)
    with pytest.raises(InputError, match=rf"{name} is a .* pointer, not the file itself.*{said}"):
        list(read_texts(tmp_path / name))
