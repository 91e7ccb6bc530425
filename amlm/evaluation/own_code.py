"""Models that bring Python code of their own, such as the challenge's GPT-BERT baselines.

`transformers` 5 makes models without memory before it reads their weights. Code written for version
4 then loses buffers that are not in the file (GPT-BERT's relative positions become arbitrary
numbers) and weights tied by hand, or it fails. So the model is made first, as its code says, and
the weights of the file are copied into it.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from amlm.evaluation.places import Source

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

FILES = "model.safetensors", "pytorch_model.bin"


def brings_code(auto: Any, config: PretrainedConfig) -> bool:
    """Whether the class that `auto` stands for is defined by a file beside the model."""
    return auto.__name__ in getattr(config, "auto_map", {})


def code_of(*things: object) -> list[str]:
    """The Python files that came with a model and define the classes of these things, with those
    that they import from beside them; none for the classes of an installed package.
    """
    from transformers.dynamic_module_utils import get_relative_import_files
    from transformers.utils import TRANSFORMERS_DYNAMIC_MODULE_NAME

    files: set[str] = set()
    for kind in map(type, things):
        if kind.__module__.startswith(f"{TRANSFORMERS_DYNAMIC_MODULE_NAME}."):
            path = inspect.getfile(kind)
            files |= {path, *get_relative_import_files(path)}
    paths = sorted(map(Path, files), key=lambda path: path.name)
    return [path.read_text("utf-8") for path in paths]


def fill(model: PreTrainedModel, source: Source) -> list[str]:
    """Copies weights from a model's file into it; returns the names of those that are missing.

    Raises:
        OSError: there is no such file.
        RuntimeError: a weight has another shape.
    """
    found = _read(source)
    expected = model.state_dict(keep_vars=True)
    if not found.keys() & expected.keys():  # an encoder, from a file with a head
        prefix = f"{model.base_model_prefix}."
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    missing, _ = model.load_state_dict(found, strict=False)
    # A tied weight is in the file under one of its names.
    filled = {id(expected[name]) for name in found.keys() & expected.keys()}
    return sorted(name for name in missing if id(expected[name]) not in filled)


def _read(source: Source) -> dict[str, Tensor]:
    from transformers.utils import cached_file

    place = {name: value for name, value in source.at.items() if name != "trust_remote_code"}
    for name in FILES:
        path = cached_file(source.path, name, _raise_exceptions_for_missing_entries=False, **place)
        if path is not None:
            if path.endswith(".bin"):
                return dict(torch.load(path, map_location="cpu", weights_only=True))
            return load_file(path)
    raise OSError(f"it has none of {', '.join(FILES)}")
