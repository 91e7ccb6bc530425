"""``python -m amlm.data synthesize``: a language model completes the first words of sentences.

Rows are in the order of the prompts and contain their index, so an interrupted command resumes
after the last complete row. The options that rows depend on are kept in ``<out>.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from amlm.config.command import Command
from amlm.config.options import NEEDED, option
from amlm.text.lines import normalised
from amlm.text.readers import read_texts, taken_for_text
from amlm.text.synthetic.completers import Completer, Request, Sampling
from amlm.text.synthetic.make_triplets import listed
from amlm.text.synthetic.resumable import Progress, open_rows
from amlm.util.errors import InputError
from amlm.util.files import sha256
from amlm.util.optional import optional
from amlm.util.progress_bar import progress_bar
from amlm.util.terminal import say

ABOUT = "Completes the first words of a text's sentences with a language model."
INSTRUCTION = (
    "Complete the sentence that begins with the following words, and answer with the whole "
    "sentence and nothing else: {prompt}"
)
# The end of a sentence, with closing quotation marks; not the period of an abbreviation.
END = re.compile(
    r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\b[A-Z])[.!?]+[\"”’')]*(?= |$)"
)


@dataclass
class SynthesizeOptions:
    prompts: Any = option(
        NEEDED, "text file with one sentence per line, whose first words are completed; [a,b]"
    )
    out: str = option(NEEDED, "JSONL file to write or to resume")
    words: int = option(NEEDED, "total words of text to make", ge=1)
    model: str | None = option(None, "causal model of transformers: a folder or hub:owner/name")
    url: str | None = option(
        None, "or the base address of an OpenAI-compatible server, e.g. http://localhost:8000/v1"
    )
    api_model: str | None = option(None, "name of the server's model")
    key_variable: str = option(
        "OPENAI_API_KEY", "environment variable with the server's API key, if it needs one"
    )
    instruction: str = option(
        INSTRUCTION, "instruction for a server, or for a model with a chat template"
    )
    prompt_words: int = option(4, "number of first words to complete", ge=1)
    max_new_tokens: int = option(48, "longest completion, in the model's tokens", ge=1)
    temperature: float = option(1.0, "sampling temperature; 0: argmax", ge=0)
    seed: int = option(0, "seed of the sampling", ge=0, lt=2**31)
    batch: int = option(16, "prompts per batch", ge=1)
    workers: int = option(8, "concurrent requests to a server", ge=1)
    timeout: float = option(60.0, "seconds to wait for a server's response", gt=0)
    retries: int = option(6, "retries while a server is busy or failing", ge=0)


@dataclass(frozen=True)
class Row:
    prompt: str
    text: str  # one sentence: the prompt and its completion
    seed: int
    index: int  # of the prompt among all
    model: str

    def line(self) -> bytes:
        return json.dumps(vars(self), ensure_ascii=False).encode() + b"\n"


# Options that rows do not depend on; all others must be the same to resume a file.
FREE = ("prompts", "out", "words", "url", "key_variable", "workers", "timeout", "retries")


def synthesize(options: SynthesizeOptions) -> None:
    """Writes rows of ``prompt, text, seed, index, model`` until there are enough words.

    Raises:
        InputError: options conflict, the file was made with others, the model or server fails, or
            there are too few prompts.
    """
    _check(options)
    paths = [Path(name).expanduser() for name in listed(options.prompts)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"prompts={path} is not a file: give a text, one sentence per line")
        if remark := taken_for_text(path):
            say(f"warning  {remark}")
    kept = {name: value for name, value in vars(options).items() if name not in FREE}
    kept["prompts"] = [sha256(path)[:16] for path in paths]
    completer = _completer(options)
    lines = (line for path in paths for line in read_texts(path))
    prompts = first_words(lines, options.prompt_words)
    with (
        open_rows(Path(options.out).expanduser(), kept) as (file, progress),
        progress_bar(
            total=options.words, initial=progress.words, unit=" words", desc=options.out
        ) as bar,
    ):
        _fill(file, progress, options, completer, prompts, bar)


def _fill(
    file: BinaryIO,
    progress: Progress,
    options: SynthesizeOptions,
    completer: Completer,
    prompts: Iterator[str],
    bar: tqdm[Any],
) -> None:
    """Appends rows and syncs after each batch; batches do not depend on interruptions."""
    name = options.model or options.api_model
    assert name, "checked before"
    # A partial batch is requested again as a whole, because sampling may depend on all of it.
    start = progress.index // options.batch * options.batch
    prompts = islice(prompts, start, None)
    while progress.words < options.words:
        chosen = list(islice(prompts, options.batch))
        if not chosen:
            raise InputError(
                f"there are too few prompts: {options.out} has {progress.words:,} words, "
                f"{options.words - progress.words:,} are missing; use more text and a new file"
            )
        requests = [Request(p, row_seed(options.seed, start + i)) for i, p in enumerate(chosen)]
        rows = enumerate(requests[progress.index - start :], start=progress.index)
        try:
            with closing(completer.replies(requests, progress.index - start)) as replies:
                for (index, request), reply in zip(rows, replies, strict=True):
                    text = completed(request.prompt, reply)
                    if text:
                        row = Row(request.prompt, text, request.seed, index, name)
                        file.write(row.line())
                    bar.update(progress.add(index, text))
                    if progress.words >= options.words:
                        break
        finally:
            file.flush()
            os.fsync(file.fileno())
        start += len(chosen)


def first_words(lines: Iterable[str], count: int) -> Iterator[str]:
    """Yields the distinct first words of all lines that have more."""
    seen = set()
    for line in lines:
        words = line.split()
        prompt = " ".join(words[:count])
        if len(words) > count and prompt not in seen:
            seen.add(prompt)
            yield prompt


def completed(prompt: str, reply: str) -> str:
    """The first sentence of a prompt with its reply; "" if the reply has no word.

    The reply can repeat the prompt, be quoted, or continue after the sentence.

    >>> completed("He went to the", '"He went to the zoo. It was hot."')
    'He went to the zoo.'
    """
    text = normalised(reply).strip('"“” ')
    repeated = text[: len(prompt)].casefold() == prompt.casefold()
    rest = text[len(prompt) :] if repeated else f" {text}"
    if not re.search(r"\w", rest):
        return ""
    end = END.search(rest)
    return normalised(prompt + (rest[: end.end()] if end else rest))


def row_seed(seed: int, index: int) -> int:
    """A 31-bit seed for one row."""
    digest = hashlib.blake2b(f"{seed} {index}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def _check(options: SynthesizeOptions) -> None:
    if (options.model is None) == (options.url is None):
        raise InputError(
            "give either model=<folder or hub:owner/name> or url=<address of a server>"
        )
    if (options.url is None) != (options.api_model is None):
        raise InputError("url=... needs api_model=<name of the server's model>, and vice versa")
    if "{prompt}" not in options.instruction:
        raise InputError("instruction=... needs a {prompt}, which stands for the first words")


def _completer(options: SynthesizeOptions) -> Completer:
    sampling = Sampling(options.instruction, options.max_new_tokens, options.temperature)
    if options.model is not None:
        from amlm.text.synthetic.local_model import LocalModel

        return LocalModel(options.model, sampling)
    optional("openai", f"url={options.url}", "synthesize")
    from amlm.text.synthetic.chat_server import Server

    assert options.url and options.api_model, "checked before"
    return Server(
        options.url,
        options.api_model,
        sampling,
        os.environ.get(options.key_variable, ""),
        options.workers,
        options.timeout,
        options.retries,
    )


COMMAND = Command("amlm.data synthesize", ABOUT, SynthesizeOptions, synthesize)
