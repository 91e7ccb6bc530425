"""BPE with byte fallback: trained with `tokenizers`, saved as a Hugging Face fast tokenizer.

Ids: ``[PAD]`` 0, ``[CLS]`` 1, ``[SEP]`` 2, ``[UNK]`` 3, ``[MASK]`` 4, then the 256 bytes
``<0x00>`` ... ``<0xFF>``, then characters and merges. A space becomes the word-boundary mark ``▁``
before its word; a character outside the alphabet becomes its UTF-8 bytes. A literal ``▁`` is
escaped, so that decoding restores any text exactly.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from amlm.tokenizers.special_tokens import NAMES, set_roles, special_tokens
from amlm.tokenizers.word_cache import WordCache
from amlm.util.chunks import chunks
from amlm.util.errors import InputError
from amlm.util.files import os_error
from amlm.util.progress_bar import passing_time, progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BOUNDARY = "▁"
SPECIAL_TOKENS = [names[0] for names in NAMES.values()]
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
RESERVED = len(SPECIAL_TOKENS) + len(BYTE_TOKENS)
# Maximum share of characters in the vocabulary; rarer ones use the byte fallback.
ALPHABET_SHARE = 0.05
# The trainer's time grows with the square of a word's length: longer ones, as in text without
# spaces, are cut while it learns, never when text is encoded.
LONGEST_WORD = 256
FED_LINES = 64  # lines that the trainer gets at once
# A literal boundary mark would decode to a space. A private-use character escapes it (and itself).
ESCAPE = "\ue000"
ESCAPES = [(ESCAPE, ESCAPE + "0"), (BOUNDARY, ESCAPE + "1")]
# Clitics, single digits, and runs of one punctuation mark, each with a preceding boundary mark;
# letters stay together with theirs.
PIECES = r"▁?(?:'(?i:s|t|re|ve|m|ll|d)(?![\p{L}\p{M}])|\p{N}|([^\p{L}\p{M}\p{N}▁])\1*)"


def _pipeline(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.Sequence(
        [
            *(normalizers.Replace(character, escaped) for character, escaped in ESCAPES),
            normalizers.Replace(" ", BOUNDARY),
            normalizers.Prepend(BOUNDARY),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(BOUNDARY, "merged_with_next"),
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
        ]
    )
    unescape = [decoders.Replace(escaped, character) for character, escaped in reversed(ESCAPES)]
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(BOUNDARY, " "),
            decoders.Strip(" ", 1, 0),
            *unescape,
        ]
    )
    return tokenizer


def _alphabet(normalizer: normalizers.Normalizer, lines: Iterable[str], size: int) -> list[str]:
    # The most frequent characters; ties are broken by code point, which the trainer would break at
    # random. Each character is normalised on its own, as within a line.
    counts = np.zeros(0x110000, dtype=np.int64)
    nonempty_lines = 0
    for chunk in chunks(lines):
        nonempty_lines += sum(map(bool, chunk))
        points = np.frombuffer("".join(chunk).encode("utf-32-le"), "<u4")
        counts += np.bincount(points, minlength=len(counts))
    written = Counter({BOUNDARY: nonempty_lines} if nonempty_lines else {})
    for point in np.flatnonzero(counts):
        for character in normalizer.normalize_str(chr(point)).removeprefix(BOUNDARY):
            written[character] += int(counts[point])
    found = sorted(written, key=lambda character: (-written[character], character))[:size]
    if nonempty_lines and BOUNDARY not in found:  # text without spaces has it once a line
        found[-1] = BOUNDARY
    return found


def _pieces(
    normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer
) -> WordCache[str]:
    """The pieces of words, with spaces between; single characters, which have no pairs, are out."""

    def cut(word: str) -> str:
        if word.isascii() and word.isalpha() and len(word) < LONGEST_WORD:
            return BOUNDARY + word
        pieces = pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(word))
        return " ".join(piece for piece, _ in pieces if len(piece) > 1)

    return WordCache(lambda words: map(cut, words))


def _has_long_word(line: str) -> bool:
    return len(line) > LONGEST_WORD and max(map(len, line.split(" "))) > LONGEST_WORD


def train_tokenizer(lines: Callable[[], Iterable[str]], vocab_size: int) -> Tokenizer:
    """Trains a BPE tokenizer deterministically; it adds ``[CLS] ... [SEP]``.

    Args:
        lines: opens the training text, which is read twice.
        vocab_size: upper bound of the number of types V; a small corpus can yield fewer merges.
    """
    learner = _pipeline(Tokenizer(models.BPE()))
    room = vocab_size - RESERVED
    alphabet_size = min(max(64, int(vocab_size * ALPHABET_SHARE)), room)
    any_long = False

    def counted() -> Iterator[str]:
        nonlocal any_long
        for line in progress_bar(lines(), desc="counting characters", unit=" lines"):
            any_long = any_long or _has_long_word(line)
            yield line

    alphabet = _alphabet(learner.normalizer, counted(), alphabet_size)
    pipeline = [learner.pre_tokenizer]
    if any_long:
        pipeline += [pre_tokenizers.Split(Regex(f"(?m:.{{1,{LONGEST_WORD}}})"), "isolated")]
    normalizer = learner.normalizer
    # The learner is given the pieces of words, which are found once for most words.
    learner.normalizer = None
    learner.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(" ")
    trainer = trainers.BpeTrainer(
        vocab_size=room,
        min_frequency=2,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    with ExitStack() as after_counting:

        def words() -> Iterator[str]:
            pieces = _pieces(normalizer, pre_tokenizers.Sequence(pipeline))
            read = progress_bar(lines(), desc="counting words", unit=" lines")
            for chunk in chunks(read, FED_LINES):
                yield " ".join(pieces.of(" ".join(chunk).split(" ")))
            after_counting.enter_context(passing_time("learning merges"))

        learner.train_from_iterator(words(), trainer)
    learned: dict[str, Any] = json.loads(learner.to_str())["model"]
    found = sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    vocab = {piece: i for i, piece in enumerate([*SPECIAL_TOKENS, *BYTE_TOKENS, *found])}
    tokenizer = _pipeline(
        Tokenizer(
            models.BPE(
                vocab=vocab,
                merges=[tuple(merge) for merge in learned["merges"]],
                unk_token=NAMES["unk"][0],
                byte_fallback=True,
            )
        )
    )
    # In handwritten text, "the [MASK] sat", the spaces around the mask belong to no word.
    *others, mask = SPECIAL_TOKENS
    spaced = AddedToken(mask, lstrip=True, rstrip=True, special=True)
    tokenizer.add_special_tokens([*others, spaced])
    set_roles(tokenizer, dict(zip(NAMES, SPECIAL_TOKENS, strict=True)))
    return tokenizer


def counts_words_by_type(tokenizer: Tokenizer) -> bool:
    """Whether every word is certainly tokenised by itself, as exactly one token whose piece begins
    with ``▁`` and others that don't.

    True of tokenizers trained here; unknown, thus False, of others.
    """
    ours = _pipeline(Tokenizer(models.BPE()))
    added = tokenizer.get_added_tokens_decoder().values()
    return all(token.special for token in added) and all(
        getattr(tokenizer, part) is not None
        and getattr(tokenizer, part).__getstate__() == getattr(ours, part).__getstate__()
        for part in ("normalizer", "pre_tokenizer")
    )


def hugging_face_tokenizer(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Wraps a tokenizer for `transformers`."""
    from transformers import PreTrainedTokenizerFast

    names = {f"{role}_token": token for role, token in special_tokens(tokenizer).items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )


def save_tokenizer(tokenizer: Tokenizer, folder: Path, max_length: int) -> None:
    """Saves a Hugging Face fast tokenizer that `transformers` from version 4 on loads."""
    try:
        hugging_face_tokenizer(tokenizer, max_length).save_pretrained(folder)
    except Exception as error:
        raise os_error(error, folder) or error from error
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    # transformers 5 writes a class name that transformers 4 does not know.
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_tokenizer(folder: Path) -> Tokenizer:
    """Loads what `save_tokenizer` wrote in a store.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise InputError(
            f"{path} is damaged ({error}): remove the folder {folder.parent}, and the next run "
            "builds it again from the text"
        ) from error


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """The vocabulary, ordered by id."""
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=vocab.__getitem__)
