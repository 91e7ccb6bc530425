"""Models from elsewhere: nothing that comes with them is executed unasked, and only ``hub:`` names
are looked up on the Hub. What would be executed leaves a file."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from amlm.evaluation.models import load, load_encoder, loading_errors
from amlm.evaluation.places import Source, checkpoints, find_model
from amlm.evaluation.zero_shot.items import whole
from amlm.evaluation.zero_shot.run_tasks import score_items
from amlm.text.synthetic.completers import Sampling
from amlm.text.synthetic.local_model import LocalModel
from amlm.util.errors import InputError


class Executes:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def model(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of a model to spoil."""
    return Path(shutil.copytree(tiny_run / "hf", tmp_path / "model"))


def with_pickle(model: Path, trace: Path) -> None:
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    torch.save({**weights, "more": Executes(trace)}, model / "pytorch_model.bin")


def with_code(model: Path, trace: Path) -> None:
    """An unknown kind of model, defined by a Python file beside it."""
    config = json.loads((model / "config.json").read_text())
    classes = {"AutoConfig": "code.Config", "AutoModelForMaskedLM": "code.Model"}
    classes |= {"AutoModel": "code.Model", "AutoModelForCausalLM": "code.Model"}
    config |= {"model_type": "of_its_own", "auto_map": classes}
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(
        "from pathlib import Path\n"
        "from transformers import DebertaV2Config, DebertaV2ForMaskedLM\n"
        f"Path({str(trace)!r}).touch()\n"
        "class Config(DebertaV2Config):\n    model_type = 'of_its_own'\n"
        "class Model(DebertaV2ForMaskedLM):\n    config_class = Config\n"
    )


@pytest.mark.parametrize("spoil", [with_pickle, with_code])
@pytest.mark.parametrize(
    "read",
    [
        lambda folder: load(find_model(folder, "main"), "cpu", 64),
        lambda folder: load(find_model(folder, "main"), "cpu", 64, untrained=True),
        lambda folder: load_encoder(find_model(folder, "main")),
        lambda folder: LocalModel(folder, Sampling("{prompt}", 4, 1.0)),
    ],
    ids=["masked LM", "untrained", "encoder", "causal LM"],
)
def test_no_code_of_a_model_is_executed(
    read: Callable[[str], object],
    spoil: Callable[[Path, Path], None],
    model: Path,
    trace: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked at the terminal"))
    torch.save(Executes(trace), model / "works.pt")
    torch.load(model / "works.pt", weights_only=False)
    assert trace.exists()
    trace.unlink()
    spoil(model, trace)
    untrained = spoil is with_pickle and "untrained" in request.node.name  # reads no weights
    with nullcontext() if untrained else pytest.raises(InputError, match=f"model={model} .*: "):
        read(str(model))
    assert not trace.exists()


def test_code_of_a_model_runs_if_it_is_trusted(
    model: Path, trace: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    with_code(model, trace)
    said = rf"model={model} runs Python code of its own: read its \*\.py .*trust_remote_code=true$"
    with pytest.raises(InputError, match=said):
        load(find_model(str(model), "main"), "cpu", 64)
    found = load(find_model(str(model), "main", trusted=True), "cpu", 64)
    assert trace.exists() and found.limit == 400
    with (model / "code.py").open("a") as file:
        file.write("# another version\n")
    again = load(find_model(str(model), "main", trusted=True), "cpu", 64)
    assert again.fingerprint != found.fingerprint


def test_the_fingerprint_of_most_models_is_that_of_weights_config_and_tokenizer(
    tiny_run: Path,
) -> None:
    """Literally as it was before anything else was part of it: kept results stay valid."""
    plain = AutoModelForMaskedLM.from_pretrained(tiny_run / "hf", dtype=torch.float32)
    config = plain.config.to_dict()
    del config["_name_or_path"], config["transformers_version"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_run / "hf").backend_tokenizer.to_str()
    text = json.dumps(config, sort_keys=True, default=str) + "\n" + tokenizer
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name, value in plain.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    assert load(find_model(str(tiny_run), "main"), "cpu", 64).fingerprint == digest.hexdigest()


def test_scores_are_not_kept_when_the_limit_or_the_mask_token_is_corrected(
    model: Path, tmp_path: Path
) -> None:
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text())
    prints, scores = [], []
    for wrong in ({"model_max_length": 4}, {"mask_token": "[SEP]"}, {}):
        path.write_text(json.dumps(config | wrong))
        found = load(find_model(str(model), "main"), "cpu", 64)
        items = [[whole("The dog sees the cat.")]]
        prints.append(found.fingerprint)
        scores += score_items(found, items, tmp_path / "kept.json", lambda count: None)
    assert len(set(prints)) == 3
    assert math.isnan(scores[0][0]) and scores[1] != scores[2] and math.isfinite(scores[2][0])


def test_errors_in_loading_have_type_and_text_on_one_line() -> None:
    with pytest.raises(InputError) as caught, loading_errors(Source("a", "a")):
        raise ValueError("no such kind:\n  x,\n" + "yy, " * 500)
    text = str(caught.value)
    assert text.startswith("model=a can't be loaded: ValueError: no such kind: x, yy, yy, ")
    assert text.endswith(" ...") and 400 < len(text) < 460 and "\n" not in text


def test_only_names_with_hub_are_looked_up_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked the network"))
    for name in ("gpt2", "someone/model"):
        with pytest.raises(InputError, match=rf"{name}: there is no such folder; .*=hub:{name}$"):
            find_model(name, "main")
        assert checkpoints(name) == []
    with pytest.raises(InputError, match=r"outputs/a/b: there is no such folder$"):
        find_model("outputs/a/b", "main")
    with pytest.raises(InputError, match=r"hub:a/b@c is not of the form .*revision="):
        find_model("hub:a/b@c", "main")


def test_what_the_hub_asks_for_is_passed_on() -> None:
    class Busy:
        def list_repo_refs(self, name: str) -> Any:
            raise InputError(f"{name}: wait 900 seconds")

    with pytest.raises(InputError, match=r"^someone/model: wait 900 seconds$"):
        checkpoints("hub:someone/model", Busy())  # type: ignore[arg-type]


def test_a_model_of_the_hub_has_a_revision() -> None:
    source = find_model("hub:someone/model", "chck_1M")
    assert (source.name, source.path, source.shown) == (
        "model", "someone/model", "hub:someone/model",
    )  # fmt: skip
    assert source.at == {"revision": "chck_1M", "trust_remote_code": False}
