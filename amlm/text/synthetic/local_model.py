"""Completes sentences with a causal language model on this machine.

Shapes: B requests in a batch, P tokens of the padded prompts, T tokens including completions.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from amlm.text.readers.hub_datasets import HUB
from amlm.text.synthetic.completers import Request, Sampling
from amlm.util.errors import InputError


class LocalModel:
    """A causal model of `transformers`; one with a chat template gets the instruction.

    A batch is sampled with the seed of its first request, so the same batch gives the same text.

    No code that comes with a model is run, and only ``hub:owner/name`` is looked up on the Hub.

    Raises:
        InputError: there is no such folder or name on the Hub, or its model is not a causal one.
    """

    def __init__(self, name: str, sampling: Sampling) -> None:
        path, local = name.removeprefix(HUB), not name.startswith(HUB)
        if local and not Path(path).expanduser().is_dir():
            raise InputError(
                f"model={name}: there is no such folder; for a model of the Hugging Face Hub write "
                f"model={HUB}<owner>/<name>"
            )
        path = str(Path(path).expanduser()) if local else path
        at: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left", **at)
            self.model = AutoModelForCausalLM.from_pretrained(path, dtype="auto", **at)
        except (OSError, ValueError, UnpicklingError) as error:
            raise InputError(
                f"model={name} cannot be loaded: give a folder with a causal model and its "
                f"tokenizer, or {HUB}<owner>/<name>, of one without code of its own "
                f"({str(error).splitlines()[0]})"
            ) from error
        self.sampling = sampling
        self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def replies(self, requests: Sequence[Request], skip: int) -> Generator[str, None, None]:
        texts = [self._text(request.prompt) for request in requests]
        encoded = self.tokenizer(
            texts, return_tensors="pt", padding=True, return_token_type_ids=False
        )
        ids_BP = encoded["input_ids"].to(self.model.device)
        temperature = self.sampling.temperature
        options = {"do_sample": True, "temperature": temperature}
        if not temperature:
            options = {"do_sample": False}
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(requests[0].seed)
            ids_BT = self.model.generate(
                ids_BP,
                attention_mask=encoded["attention_mask"].to(ids_BP.device),
                max_new_tokens=self.sampling.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
                **options,
            )
        # A continuation is decoded with its text: on its own it could lose the leading space.
        first = ids_BP.shape[1] if self.tokenizer.chat_template else 0
        yield from self.tokenizer.batch_decode(ids_BT[skip:, first:], skip_special_tokens=True)

    def _text(self, prompt: str) -> str:
        if not self.tokenizer.chat_template:
            return prompt
        messages = self.sampling.messages(prompt)
        return str(
            self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )
