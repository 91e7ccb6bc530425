"""Text of a model on this machine, a tiny one: seeded, resumed, and given its instruction."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from amlm.config.composition import parse
from amlm.text.synthetic.synthesize import (
    SynthesizeOptions,
    synthesize,
)
from tests.text.synthetic.stub_server import LINES, rows


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 with a byte-level tokenizer of these lines."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(LINES, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(folder)
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    config = GPT2Config(
        vocab_size=size, n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def local(tiny_model: Path, prompts: Path, out: Path, *more: str) -> bytes:
    synthesize(parse(SynthesizeOptions, [
        f"prompts={prompts}", f"out={out}", "words=150", f"model={tiny_model}", "batch=4",
        "max_new_tokens=12", *more,
    ]))  # fmt: skip
    return out.read_bytes()


def test_a_local_model_is_seeded(tiny_model: Path, prompts: Path, tmp_path: Path) -> None:
    first = local(tiny_model, prompts, tmp_path / "a.jsonl")
    state = torch.random.get_rng_state()
    assert local(tiny_model, prompts, tmp_path / "b.jsonl") == first
    assert torch.equal(torch.random.get_rng_state(), state)  # nobody else's draws change
    other = local(tiny_model, prompts, tmp_path / "c.jsonl", "seed=1")
    assert [json.loads(line)["text"] for line in other.splitlines()] != [
        json.loads(line)["text"] for line in first.splitlines()
    ]
    for row in rows(tmp_path / "a.jsonl"):
        assert row["text"].startswith(row["prompt"]) and row["text"] != row["prompt"]
        assert row["text"] == " ".join(row["text"].split())


@pytest.mark.parametrize("share", [0.3, 0.55, 0.9])
def test_a_local_model_resumes_with_the_same_text(
    tiny_model: Path, prompts: Path, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "a.jsonl"
    whole = local(tiny_model, prompts, out)
    out.write_bytes(whole[: int(len(whole) * share)])
    assert local(tiny_model, prompts, out) == whole


def test_a_chat_model_is_given_the_instruction(
    tiny_model: Path, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "chat"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_model)
    tokenizer.chat_template = "{{ messages[0].role }}: {{ messages[0].content }} >"
    tokenizer.save_pretrained(folder)
    GPT2LMHeadModel.from_pretrained(tiny_model).save_pretrained(folder)
    seen: list[str] = []
    generate = GPT2LMHeadModel.generate

    def watched(self: Any, ids: Any, **options: Any) -> Any:
        seen.extend(tokenizer.batch_decode(ids, skip_special_tokens=True))
        return generate(self, ids, **options)

    monkeypatch.setattr(GPT2LMHeadModel, "generate", watched)
    local(folder, prompts, tmp_path / "a.jsonl", "instruction='Go on: {prompt}'", "temperature=0")
    assert seen[0] == "user: Go on: Number 0 is a >"
    assert not any(row["text"].startswith("user") for row in rows(tmp_path / "a.jsonl"))
