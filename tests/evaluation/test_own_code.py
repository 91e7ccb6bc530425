"""A model in the way of the challenge's GPT-BERT baselines: a folder laid out like their
repositories, with Python code written for `transformers` 4, against the same code constructed
directly and read one position before the mask."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from amlm.evaluate import run
from amlm.evaluation.evaluate_options import Options
from amlm.evaluation.models import load_encoder
from amlm.evaluation.places import find_model
from amlm.sample import sample_lines
from amlm.util.errors import InputError
from tests.evaluation.zero_shot.test_literal import Literal, assert_same_predictions, literal_task

CONFIGURATION = """
from transformers import PretrainedConfig

class ModelConfig(PretrainedConfig):
    def __init__(self, vocab_size=300, hidden_size=16, num_layers=2, heads=2,
                 max_position_embeddings=200, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.hidden_size, self.num_layers = vocab_size, hidden_size, num_layers
        self.heads, self.max_position_embeddings = heads, max_position_embeddings
"""
# As in those repositories: no post_init, a buffer that is not saved, weights tied by hand, and a
# head that bypasses the encoder's forward.
MODELING = """
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput
from .configuration_gpt_bert import ModelConfig

class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, longest = config.hidden_size, config.max_position_embeddings
        self.heads = config.heads
        self.norm = nn.LayerNorm(size, elementwise_affine=False)
        self.project, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.bias = nn.Parameter(torch.randn(config.heads, 2 * longest - 1))
        at = torch.arange(longest)
        self.register_buffer("distance", at[:, None] - at + longest - 1, persistent=False)

    def forward(self, x, hidden):
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for each in self.project(self.norm(x)).chunk(3, -1))
        length = x.size(1)
        scores = q @ k.transpose(-1, -2) + self.bias[:, self.distance[:length, :length]]
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        return x + self.out((weights @ v).transpose(1, 2).flatten(-2))

class GPTBERTPreTrainedModel(PreTrainedModel):
    config_class = ModelConfig
    base_model_prefix = "model"

class GPTBERT(GPTBERTPreTrainedModel):
    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.word_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))

    def get_input_embeddings(self):
        return self.word_embedding

    def get_contextualized_embeddings(self, input_ids, attention_mask=None):
        hidden = ~attention_mask.bool()[:, None, None]
        x = self.word_embedding(input_ids)
        for block in self.blocks:
            x = block(x, hidden)
        return x

    def forward(self, input_ids, attention_mask=None, **kwargs):
        x = self.get_contextualized_embeddings(input_ids, attention_mask)
        return BaseModelOutput(last_hidden_state=x)

class GPTBERTForMaskedLM(GPTBERTPreTrainedModel):
    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.model = GPTBERT(config, **kwargs)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.lm_head.weight = self.model.word_embedding.weight

    def get_input_embeddings(self):
        return self.model.word_embedding

    def forward(self, input_ids, attention_mask=None, return_dict=None, **kwargs):
        x = self.lm_head(self.model.get_contextualized_embeddings(input_ids, attention_mask))
        return MaskedLMOutput(logits=x) if return_dict is not False else (x,)
"""
TASKS = ("supplement", "ewok", "global_piqa_nonparallel")


def bos_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE that begins a sentence with ``<s>`` and ends it with nothing."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<unk>", "<s>", "</s>", "<pad>", "<mask>"]
    tokenizer.train_from_iterator(
        sample_lines(0, 5_000), trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        pad_token="<pad>", mask_token="<mask>",
    )  # fmt: skip


def reference(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder's code, imported as a package, with weights from a fixed seed."""
    for module in ("", ".configuration_gpt_bert", ".modeling_gpt_bert"):
        path = folder / (f"{module[1:]}.py" if module else "__init__.py")
        spec = importlib.util.spec_from_file_location(
            name + module, path, submodule_search_locations=None if module else [str(folder)]
        )
        assert spec and spec.loader
        monkeypatch.setitem(sys.modules, name + module, importlib.util.module_from_spec(spec))
        spec.loader.exec_module(sys.modules[name + module])
    torch.manual_seed(3)
    config = sys.modules[f"{name}.configuration_gpt_bert"].ModelConfig()
    return sys.modules[f"{name}.modeling_gpt_bert"].GPTBERTForMaskedLM(config).eval()


@pytest.fixture(params=["model.safetensors", "pytorch_model.bin"])
def baseline(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Literal]:
    """The folder, and the same model for the literal evaluation."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    monkeypatch.syspath_prepend(tmp_path / "m")
    for name in [each for each in sys.modules if each.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)  # of another test's folder
    folder = tmp_path / "babylm-baseline-10m-gpt-bert-mixed"
    folder.mkdir()
    (folder / "configuration_gpt_bert.py").write_text(CONFIGURATION)
    (folder / "modeling_gpt_bert.py").write_text(MODELING)
    (folder / "__init__.py").touch()
    plain = Literal.__new__(Literal)
    plain.before, plain.tokenizer = 1, bos_tokenizer()
    plain.model = reference(folder, f"made_up_{request.param.partition('.')[0]}", monkeypatch)
    (folder / "__init__.py").unlink()
    plain.tokenizer.save_pretrained(folder)
    code = "modeling_gpt_bert.GPTBERT"
    (folder / "config.json").write_text(json.dumps({
        "model_type": "gpt_bert", "architectures": ["GPTBERTForMaskedLM"], "vocab_size": 300,
        "auto_map": {"AutoConfig": "configuration_gpt_bert.ModelConfig", "AutoModel": code,
                     "AutoModelForMaskedLM": f"{code}ForMaskedLM"},
    }))  # fmt: skip
    weights = dict(plain.model.state_dict())
    if request.param.endswith(".bin"):
        torch.save(weights, folder / request.param)
    else:
        del weights["lm_head.weight"]  # it is that of the embedding
        save_file(weights, folder / request.param, metadata={"format": "pt"})
    return folder, plain


def test_a_gpt_bert_is_scored_one_position_before_the_mask(
    baseline: tuple[Path, Literal], eval_dir: Path, tmp_path: Path
) -> None:
    folder, plain = baseline
    options = Options(str(folder), str(tmp_path), str(eval_dir), [*TASKS], backend="mntp")
    with pytest.raises(InputError, match=r"runs Python code of its own: .* trust_remote_code=true"):
        run(options)
    options.trust_remote_code = True
    run(options)
    results = tmp_path / "results" / folder.name / "main"
    paths = {"supplement": "blimp/supplement_fast", "ewok": "ewok/ewok_fast"}
    for task in TASKS:
        place = paths.get(task, f"{task}/{task}")
        files = sorted((eval_dir / "fast_eval" / place.split("/")[1]).glob("*.jsonl"))
        scores, predictions, _ = literal_task("2026", task, files, plain, None)
        found = json.loads((results / "zero_shot/mntp" / place / "predictions.json").read_text())
        assert_same_predictions(found, predictions)
        cached = [json.loads((results / "scores" / place.split("/")[1] / f"{file.stem}.json")
                  .read_text())["scores"] for file in files]  # fmt: skip
        for ours, theirs in zip([row for rows in cached for row in rows], scores, strict=True):
            assert sorted(ours) == pytest.approx(sorted(theirs), abs=1e-4)


def test_the_encoder_of_a_gpt_bert_has_the_weights_below_its_head(
    baseline: tuple[Path, Literal],
) -> None:
    folder, plain = baseline
    encoder, tokenizer = load_encoder(find_model(str(folder), "main", trusted=True))
    inputs = tokenizer("the dog sees a cat .", return_tensors="pt")
    with torch.no_grad():
        found = encoder(**inputs)[0]
        expected = plain.model.model.get_contextualized_embeddings(**inputs)
    assert torch.equal(found, expected)


def test_a_file_that_lacks_weights_is_refused(baseline: tuple[Path, Literal]) -> None:
    folder, plain = baseline
    for name in ("model.safetensors", "pytorch_model.bin"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(
        InputError, match=r"can't be loaded: OSError: it has none of model\.safetensors, pyt"
    ):
        load_encoder(find_model(str(folder), "main", trusted=True))
    weights = {n: v for n, v in plain.model.state_dict().items() if "blocks.1.bias" not in n}
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"lacks weights: blocks\.1\.bias"):
        load_encoder(find_model(str(folder), "main", trusted=True))
