"""Dataset repositories, against a local stand-in of the Hugging Face Hub (`conftest`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import errors
from huggingface_hub.utils._http import http_backoff

from amlm.text.downloads.download import Download, download
from amlm.util.errors import InputError
from amlm.util.hub import bound_waits
from tests.text.downloads.conftest import LARGE, Hub


def get(hub: Hub, out: Path, what: str = "hub:owner/name") -> None:
    download(Download(what, str(out)), hub=hub.address, say=lambda text: None)


def test_all_files_come_once(hub: Hub, tmp_path: Path) -> None:
    get(hub, tmp_path)
    for name, content in hub.files.items():
        assert (tmp_path / name).read_bytes() == content
    assert sorted(hub.got) == sorted(hub.files)
    get(hub, tmp_path)
    assert sorted(hub.got) == sorted(hub.files)


def test_the_revision_is_requested(hub: Hub, tmp_path: Path) -> None:
    get(hub, tmp_path, "hub:owner/name@v2")
    assert hub.asked == ["/api/datasets/owner/name/revision/v2"]
    assert (tmp_path / LARGE).read_bytes() == hub.files[LARGE]


@pytest.mark.parametrize("name", ["README.md", LARGE])
def test_wrong_contents_of_the_right_size_are_deleted(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.sent[name] = bytes(len(hub.files[name]))
    with pytest.raises(InputError, match="1 files with wrong contents"):
        get(hub, tmp_path)
    assert not (tmp_path / name).exists()
    hub.sent.clear()
    get(hub, tmp_path)
    assert (tmp_path / name).read_bytes() == hub.files[name]


@pytest.mark.parametrize("name", ["README.md", LARGE])
def test_an_existing_file_is_never_overwritten(hub: Hub, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already, with other contents"):
        get(hub, tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert not hub.got


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (403, "GatedRepo", "hf auth login"),
        (401, "RepoNotFound", "does not exist, or is private"),
        (404, "RevisionNotFound", "has no revision v9"),
    ],
)
def test_a_refusal_gives_advice(
    hub: Hub, tmp_path: Path, status: int, code: str, text: str
) -> None:
    hub.error = (status, code)
    with pytest.raises(InputError, match=text) as error:
        get(hub, tmp_path, "hub:owner/name@v9")
    assert "https://huggingface.co/datasets/owner/name" in str(error.value)


@pytest.mark.parametrize(
    "wait", [{"Retry-After": "721"}, {"RateLimit": '"api";r=0;t=721', "Retry-After": "1"}]
)
def test_a_server_that_asks_for_a_long_wait_is_refused_at_once(
    hub: Hub, tmp_path: Path, wait: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    hub.error, hub.wait = (429, "TooMany"), wait
    with pytest.raises(InputError, match=r"127\.0\.0\.1 asks to wait 721 seconds .*repeat"):
        get(hub, tmp_path)
    bound_waits()
    with pytest.raises(InputError, match="asks to wait 721 seconds"):
        http_backoff("GET", f"{hub.address}/api/datasets/owner/name")
    assert slept == []
    hub.wait = {"Retry-After": "720"}
    with pytest.raises(errors.HfHubHTTPError):
        http_backoff("GET", f"{hub.address}/api/datasets/owner/name")
    assert slept == [721] * 5


def test_an_unreachable_hub_is_reported(hub: Hub, tmp_path: Path) -> None:
    gone = Hub()
    gone.server_close()
    with pytest.raises(InputError, match="owner/name: "):
        get(gone, tmp_path)


@pytest.mark.parametrize("what", ["hub:", "hub:a/b/c", "hub:a b/c"])
def test_a_malformed_name_is_refused(hub: Hub, tmp_path: Path, what: str) -> None:
    with pytest.raises(InputError, match="is not of the form"):
        get(hub, tmp_path, what)
