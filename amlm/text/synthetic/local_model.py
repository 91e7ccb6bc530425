"""A causal language model on this machine that completes sentences.

Shapes: B requests of a batch, P tokens of the padded prompts, T tokens with the completions.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from amlm.text.synthetic.completers import Request, Sampling
from amlm.util.errors import InputError


class LocalModel:
    """A causal model of `transformers`; one with a chat template is given the instruction.

    A batch is drawn with the seed of its first request, so the same batch gives the same text.

    Args:
        name: folder or Hub id.

    Raises:
        InputError: there is no such model, or no causal one.
    """

    def __init__(self, name: str, sampling: Sampling) -> None:
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
            self.model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
        except (OSError, ValueError) as error:
            raise InputError(
                f"model={name} cannot be loaded: give a folder with a causal model and its "
                f"tokenizer, or such a model's Hub id ({str(error).splitlines()[0]})"
            ) from error
        self.sampling = sampling
        self.model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def replies(self, requests: Sequence[Request], skip: int) -> Generator[str, None, None]:
        texts = [self._text(request.prompt) for request in requests]
        given = self.tokenizer(
            texts, return_tensors="pt", padding=True, return_token_type_ids=False
        )
        ids_BP = given["input_ids"].to(self.model.device)
        heat = self.sampling.temperature
        drawing = {"do_sample": True, "temperature": heat} if heat else {"do_sample": False}
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(requests[0].seed)
            ids_BT = self.model.generate(
                ids_BP,
                attention_mask=given["attention_mask"].to(ids_BP.device),
                max_new_tokens=self.sampling.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
                **drawing,
            )
        # What continues a text is decoded with it: alone it could lose the space at its beginning.
        first = ids_BP.shape[1] if self.tokenizer.chat_template else 0
        yield from self.tokenizer.batch_decode(ids_BT[skip:, first:], skip_special_tokens=True)

    def _text(self, prompt: str) -> str:
        if not self.tokenizer.chat_template:
            return prompt
        asked = self.sampling.asked(prompt)
        return str(
            self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        )
