"""The cache of stores against damage, failed builds, missing rights and parallel builds."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import amlm
from amlm.config.schema import DataConfig
from amlm.store import build_store as build_module
from amlm.store import identity
from amlm.store.token_store import TokenStore, open_store
from amlm.tokenizers.bpe import train_tokenizer
from amlm.util.errors import InputError
from tests.store.tiny_text import TINY, MakeConfig, Write, files_of, up_to

DAMAGE: dict[str, Callable[[Path], object]] = {
    "ids truncated": lambda folder: (folder / "train.ids").write_bytes(
        (folder / "train.ids").read_bytes()[:-2]
    ),
    "ids empty": lambda folder: (folder / "dev.ids").write_bytes(b""),
    "ids missing": lambda folder: (folder / "dev.ids").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer" / "tokenizer.json").unlink(),
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "meta empty": lambda folder: (folder / "meta.json").write_text(""),
    "meta truncated": lambda folder: (folder / "meta.json").write_text('{"version": 3,'),
    "meta binary": lambda folder: (folder / "meta.json").write_bytes(b"\xff\xfe\0"),
    "meta without sizes": lambda folder: (folder / "meta.json").write_text("{}"),
    "meta a list": lambda folder: (folder / "meta.json").write_text("[]"),
    "meta null": lambda folder: (folder / "meta.json").write_text("null"),
}


def left_in(cache: Path) -> list[str]:
    """The contents of a cache, except for locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_a_second_call_reads_the_cached_store(tmp_path: Path, tiny: DataConfig) -> None:
    cache, messages = tmp_path / "deep" / "cache", list[str]()
    first = open_store(tiny, up_to(320), cache, messages.append)
    assert messages and left_in(cache) == [first.folder.name]
    times = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    messages.clear()
    again = open_store(tiny, up_to(320), cache, messages.append)
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in again.folder.rglob("*")} == times
    assert not messages


def test_other_text_or_vocabulary_size_is_another_store(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    cache = tmp_path / "cache"
    config = data_config(write_text(tmp_path / "text", TINY))
    first = open_store(config, up_to(320), cache)
    files = files_of(first.folder)
    moved = data_config(write_text(tmp_path / "elsewhere", TINY), epochs=3, tokens_per_step=64)
    assert open_store(moved, up_to(320), cache).folder == first.folder
    others = [open_store(config, up_to(310), cache)]
    for name in TINY:
        changed = write_text(tmp_path / "text", TINY | {name: TINY[name] + "two\n"})
        others.append(open_store(data_config(changed), up_to(320), cache))
    assert len({first.folder, *(other.folder for other in others)}) == 4
    assert [len(other.ids("dev")) - len(first.ids("dev")) for other in others[1:]] == [0, 3]
    assert files_of(first.folder) == files


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_store_is_rebuilt(tmp_path: Path, tiny: DataConfig, damage: str) -> None:
    cache, messages = tmp_path / "cache", list[str]()
    first = open_store(tiny, up_to(320), cache)
    files = files_of(first.folder)
    DAMAGE[damage](first.folder)
    again = open_store(tiny, up_to(320), cache, messages.append)
    assert messages[0].endswith("; rebuilding it") and again == first
    assert files_of(again.folder) == files
    assert left_in(cache) == [first.folder.name]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["disk", "key"])
@pytest.mark.parametrize("function", ["train_tokenizer", "save_tokenizer", "_write_split"])
def test_a_failed_build_leaves_no_files(
    tmp_path: Path,
    tiny: DataConfig,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    error: BaseException,
) -> None:
    cache = tmp_path / "cache"
    real = getattr(build_module, function)

    def fails(*arguments: object, **options: object) -> None:
        real(*arguments, **options)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(build_module, function, fails)
        with pytest.raises(type(error)):
            open_store(tiny, up_to(320), cache)
        assert left_in(cache) == []
    store = open_store(tiny, up_to(320), cache)
    assert store.words("dev") == 3


def test_a_store_appears_only_when_it_is_complete(
    tmp_path: Path, tiny: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, seen = tmp_path / "cache", list[str]()
    real = build_module._write_split

    def watched(*arguments: Any) -> list[dict[str, Any]]:
        seen.extend(left_in(cache))
        return real(*arguments)

    monkeypatch.setattr(build_module, "_write_split", watched)
    store = open_store(tiny, up_to(320), cache)
    assert len(seen) == 2 and store.folder.name not in seen
    assert left_in(cache) == [store.folder.name]


def test_invalid_text_leaves_no_files(
    tmp_path: Path, write_text: Write, data_config: MakeConfig
) -> None:
    folder = write_text(tmp_path / "text", TINY | {"a.dev": b"one\ncaf\xe9\n"})
    with pytest.raises(InputError, match=r"a\.dev, line 2"):
        open_store(data_config(folder), up_to(320), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []


def test_a_cache_path_that_is_a_file_is_an_input_error(tmp_path: Path, tiny: DataConfig) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(InputError, match=r"cache: Not a directory \(.*choose .* paths\.cache="):
        open_store(tiny, up_to(320), tmp_path / "cache")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_a_full_disk_is_an_input_error_and_leaves_no_files(
    tmp_path: Path, tiny: DataConfig, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "_write_split", fails)
        with pytest.raises(InputError, match=r"can't be written to .*cache.*paths\.cache"):
            open_store(tiny, up_to(320), tmp_path / "cache")
    assert left_in(tmp_path / "cache") == []
    assert open_store(tiny, up_to(320), tmp_path / "cache").words("dev") == 3


def test_a_file_size_limit_is_an_input_error(tmp_path: Path, tiny: DataConfig) -> None:
    """A real write that fails: the process must not write files larger than 10 kB."""
    code = LIMITED.format(path=tiny.sources["babylm"]["path"], cache=str(tmp_path / "cache"))
    root = Path(amlm.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert "can't be written" in done.stdout, done.stdout + done.stderr
    assert left_in(tmp_path / "cache") == []


LIMITED = """
import resource
from pathlib import Path
from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.token_store import open_store
from amlm.util.errors import InputError

config = DataConfig(sources={{"babylm": {{"path": {path!r}}}}})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    open_store(config, TokenizerConfig(vocab_size=600), Path({cache!r}))
except InputError as error:
    print(error)
"""


@pytest.fixture
def unprivileged(write_text: Write) -> Iterator[Path]:
    """A read-only folder, and a process without root privileges."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    write_text(folder / "text", TINY)
    (folder / "cache").mkdir(mode=0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield folder
    os.seteuid(user)
    shutil.rmtree(folder)


def test_a_cache_without_write_permission_is_named(
    unprivileged: Path, data_config: MakeConfig
) -> None:
    with pytest.raises(InputError, match=r"can't be written to .*cache.*denied.*paths\.cache"):
        open_store(data_config(unprivileged / "text"), up_to(320), unprivileged / "cache")


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/x", "/dev/null/x/y"])
def test_a_cache_that_is_no_folder_is_named(place: str, tiny: DataConfig) -> None:
    message = rf"can't be written to {place}: Not a directory \(/dev/null.*another .* paths\.cache="
    with pytest.raises(InputError, match=message):
        open_store(tiny, up_to(320), Path(place))


def test_text_without_read_permission_is_named(unprivileged: Path, data_config: MakeConfig) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    (unprivileged / "text" / "a.train").chmod(0)
    os.seteuid(user)
    with pytest.raises(InputError, match=r"a\.train: Permission denied"):
        open_store(data_config(unprivileged / "text"), up_to(320), unprivileged / "cache")


def test_a_store_of_another_version_is_rebuilt(
    tmp_path: Path, tiny: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_store(tiny, up_to(320), tmp_path / "cache")
    meta = json.loads((first.folder / "meta.json").read_text(encoding="utf-8"))
    meta["key"]["version"] = [1, 1]
    (first.folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    messages: list[str] = []
    open_store(tiny, up_to(320), tmp_path / "cache", messages.append)
    assert "was built by another version; rebuilding it" in messages[0]
    monkeypatch.setattr(identity, "STORE_VERSION", 99)
    newer = open_store(tiny, up_to(320), tmp_path / "cache")
    assert newer.folder != first.folder and first.folder.exists()


def test_threads_started_together_build_once(
    tmp_path: Path, tiny: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []

    def slowly(lines: Callable[[], Iterable[str]], vocab_size: int) -> Tokenizer:
        trained.append(vocab_size)
        time.sleep(0.2)
        return train_tokenizer(lines, vocab_size)

    monkeypatch.setattr(build_module, "train_tokenizer", slowly)
    gate, stores = threading.Barrier(4), list[TokenStore]()

    def run() -> None:
        gate.wait()
        stores.append(open_store(tiny, up_to(320), tmp_path / "cache"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trained == [320]
    assert len(stores) == 4 and all(store == stores[0] for store in stores)
    assert left_in(tmp_path / "cache") == [stores[0].folder.name]


BUILDER = """
import sys
from pathlib import Path
from amlm.config.schema import DataConfig, TokenizerConfig
from amlm.store.token_store import open_store

messages = []
print("ready", flush=True)
sys.stdin.readline()
text, cache = sys.argv[1:]
config = DataConfig(sources={"babylm": {"path": text}})
store = open_store(config, TokenizerConfig(vocab_size=600), Path(cache), messages.append)
print(len(messages), store.words("train"), store.folder.name)
"""


def test_processes_started_together_build_once(
    tmp_path: Path, corpus_dir: Path, small_store: TokenStore
) -> None:
    command = [sys.executable, "-c", BUILDER, str(corpus_dir), str(tmp_path / "cache")]
    root = Path(amlm.__file__).parents[1]
    pipe = subprocess.PIPE
    builders = [
        subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True) for _ in range(2)
    ]
    for each in builders:
        assert each.stdout is not None and each.stdout.readline() == "ready\n"
    for each in builders:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    output = sorted(each.communicate(timeout=60)[0].split() for each in builders)
    assert [each.returncode for each in builders] == [0, 0]
    words, name = str(small_store.words("train")), output[0][2]
    assert output == [["0", words, name], ["1", words, name]]
    assert left_in(tmp_path / "cache") == [name]
