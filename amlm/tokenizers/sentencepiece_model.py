"""Converts a SentencePiece model to a tokenizer of the `tokenizers` library with the same ids.

`sentencepiece` reads the file and provides the reference ids for a check of the conversion. Only
ties can differ: SentencePiece sums the scores of a Unigram model in single precision, `tokenizers`
in double, so either of two segmentations whose scores agree to seven digits may win (such as runs
of one character, split at different positions). `notes.md` has their frequency in real text.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from amlm.tokenizers.bpe import BOUNDARY
from amlm.tokenizers.charsmap import UNIT, charsmap_normalizers, class_of
from amlm.tokenizers.special_tokens import roles_among
from amlm.util.errors import InputError

UNIGRAM, BPE = 1, 2  # kinds of models
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4  # types of pieces
NAMED_RULES = ["identity", "nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"]
# A user-defined symbol is always one token: the normalizer replaces it by a private-use character,
# its name in the converted model.
FIRST_SYMBOL = 0xF0000
# Difficult texts: each line, and the whole.
PROBES = """  two  spaces \x01\r
Don't  stop -- 1,234.50 (e.g.) 2nd A1b
▁a▁ ▁b▁\t\u200bda a\u00ad b 日本é 🙂🙂
½ ﬁ ™\ufe0f ¨ Ａ e\u0301E\u0301 e\u0302\u0301 \u1112\u1161\u11ab \xa0\u0301x"""


def _read(path: Path) -> tuple[Any, Any, list[str]]:
    # The model's message, the library's processor, and the sources of the normalization rules.
    try:
        import sentencepiece
        from sentencepiece.sentencepiece_model_pb2 import ModelProto
    except Exception as error:  # an incompatible protobuf raises its own type of error
        raise InputError(
            f"{path}: reading a SentencePiece model needs `sentencepiece` and `protobuf` "
            f"({error}): pip install --upgrade sentencepiece protobuf"
        ) from error
    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        model = ModelProto.FromString(content := path.read_bytes())
        rules = []
        if model.normalizer_spec.precompiled_charsmap:
            rules = sentencepiece.SentencePieceNormalizer(model_proto=content).decompile()
    except Exception as error:
        raise InputError(
            f"{path} is neither a tokenizer.json nor a complete SentencePiece model: copy it again"
        ) from error
    return model, processor, [source for source, _ in rules]


def _pieces(model: Any, *types: int) -> list[str]:
    return [each.piece for each in model.pieces if each.type in types]


def _merges(model: Any) -> list[tuple[str, str]]:
    # Neighbours are merged if together they are a piece, in the order of the pieces' scores.
    scores = {each.piece: each.score for each in model.pieces if each.type == NORMAL}
    return [
        (piece[:cut], piece[cut:])
        for piece in sorted(scores, key=scores.__getitem__, reverse=True)
        for cut in range(1, len(piece))
        if piece[:cut] in scores and piece[cut:] in scores
    ]


def _converted(model: Any, names: list[str]) -> models.Model:
    unknown = [each.type for each in model.pieces].index(UNKNOWN)
    byte_fallback = model.trainer_spec.byte_fallback
    if model.trainer_spec.model_type == BPE:
        return models.BPE(
            vocab={name: v for v, name in enumerate(names)},
            merges=_merges(model),
            unk_token=names[unknown],
            fuse_unk=True,
            byte_fallback=byte_fallback,
        )
    # `tokenizers` finds all pieces in text, SentencePiece no reserved ones. With this score a
    # reserved piece loses to its characters. (A renamed user-defined symbol has no rival.)
    worst = min([0.0, *(each.score for each in model.pieces if each.type == NORMAL)])
    reserved = worst * max(len(each.piece) for each in model.pieces) - 1
    scores = [each.score if each.type == NORMAL else reserved for each in model.pieces]
    return models.Unigram(
        list(zip(names, scores, strict=True)), unk_id=unknown, byte_fallback=byte_fallback
    )


def _normalizers(
    model: Any, sources: list[str], symbols: dict[str, str]
) -> list[normalizers.Normalizer]:
    spec = model.normalizer_spec
    # A longer symbol before one that is part of it.
    marks = [
        normalizers.Replace(symbol, symbols[symbol])
        for symbol in sorted(symbols, key=len, reverse=True)
    ]
    prefix = [normalizers.Prepend(BOUNDARY)] if spec.add_dummy_prefix else []
    rules = charsmap_normalizers(spec.precompiled_charsmap, sources) if sources else []
    space = normalizers.Replace(" ", BOUNDARY)
    # The rules can produce a symbol, so symbols are replaced again at the end.
    if not spec.remove_extra_whitespaces:
        return [*marks, *prefix, *rules, space, *marks]
    extra = normalizers.Replace(Regex(r"\A +| +\z| +(?= )"), "")
    last = normalizers.Replace(Regex(rf"{BOUNDARY}+\z"), "")
    return [*marks, *rules, extra, *prefix, space, last, *marks]


def _set_pipeline(
    tokenizer: Tokenizer, model: Any, sources: list[str], symbols: dict[str, str]
) -> None:
    steps = _normalizers(model, sources, symbols)
    cuts = []
    pieces = _pieces(model, NORMAL)
    if BOUNDARY in pieces and not any(BOUNDARY in piece[1:] for piece in pieces):
        # Exact, since no piece crosses words, and much faster, since words are cached.
        cuts.append(pre_tokenizers.Split(BOUNDARY, "merged_with_next"))
    if model.trainer_spec.model_type == UNIGRAM:
        # Unknown characters score even worse than a reserved piece that they spell.
        unknown = Regex(f"[^{class_of({*''.join(pieces), *symbols.values()})}]")
        if model.trainer_spec.byte_fallback:
            cuts.append(pre_tokenizers.Split(unknown, "isolated"))
        else:
            steps.append(normalizers.Replace(unknown, UNIT))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.decoder = decoders.Sequence(
        [
            *(decoders.Replace(mark, symbol) for symbol, mark in symbols.items()),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(BOUNDARY, " "),
            *([decoders.Strip(" ", 1, 0)] if model.normalizer_spec.add_dummy_prefix else []),
        ]
    )


def _tie(model: Any, *segmentations: list[int]) -> bool:
    # Whether a Unigram model's scores of two segmentations are equal in single precision.
    one, other = ([model.pieces[v] for v in ids] for ids in segmentations)
    return (
        model.trainer_spec.model_type == UNIGRAM
        and "".join(p.piece for p in one) == "".join(p.piece for p in other)
        and math.isclose(sum(p.score for p in one), sum(p.score for p in other), rel_tol=1e-6)
    )


def _differences(
    model: Any, symbols: Collection[str], tokenizer: Tokenizer, processor: Any
) -> Iterator[str]:
    # Reasons why the conversion gives other ids: known limitations, then differences in the ids of
    # every piece, alone and between letters.
    trainer, rules = model.trainer_spec, model.normalizer_spec
    if trainer.model_type not in (UNIGRAM, BPE):
        yield "it is a model of whole words or single characters"
    if rules.precompiled_charsmap and rules.name not in NAMED_RULES:
        yield f"its normalization rules are not among {', '.join(NAMED_RULES)}"
    # Of overlapping symbols, a Unigram model chooses by their lengths and what follows, BPE takes
    # the leftmost. Replacing one after the other does neither.
    for one, other in permutations(symbols, 2):
        overlap = any(one.endswith(other[:n]) for n in range(1, min(len(one), len(other))))
        if overlap or (trainer.model_type == UNIGRAM and one in other):
            yield f"its symbols {one} and {other} overlap"
    texts = ["a b", "", " ", *PROBES.split("\n"), PROBES]
    for each in model.pieces:
        texts += [each.piece.replace(BOUNDARY, " "), f"a{each.piece} {each.piece}b"]
    text_only = [symbol for symbol in _pieces(model, USER_DEFINED) if symbol not in symbols]
    texts = [text for text in texts if not any(symbol in text for symbol in text_only)]
    tokenizer.encode_special_tokens = True
    encodings = tokenizer.encode_batch(texts)
    tokenizer.encode_special_tokens = False
    for text, encoding, ids in zip(texts, encodings, processor.encode(texts), strict=True):
        if encoding.ids != ids and not _tie(model, encoding.ids, ids):
            reference = processor.id_to_piece(ids)
            yield f"{text!r} would become {encoding.tokens}, in SentencePiece {reference}"


def sentencepiece_tokenizer(path: Path) -> tuple[Tokenizer, dict[str, str]]:
    """Loads a SentencePiece model as a tokenizer with the same ids, and the token of each role.

    Reserved pieces (control symbols, the unknown piece) become special tokens, and so do
    user-defined symbols with a role, such as ``[MASK]``, which are ordinary text where text spells
    them.

    Raises:
        InputError: the file is damaged or not a SentencePiece model, `sentencepiece` is not
            installed, or the model's ids can't be reproduced.
    """
    model, processor, sources = _read(path)
    trainer = model.trainer_spec
    roles = roles_among(
        _pieces(model, UNKNOWN, CONTROL, USER_DEFINED),
        declared={"unk": _pieces(model, UNKNOWN)},
        otherwise={
            "cls": [trainer.bos_piece],
            "sep": [trainer.eos_piece],
            "pad": [trainer.pad_piece],
        },
    )
    special = dict.fromkeys([*_pieces(model, UNKNOWN, CONTROL), *roles.values()])
    symbols = {
        symbol: chr(FIRST_SYMBOL + i)
        for i, symbol in enumerate(_pieces(model, USER_DEFINED))
        if symbol not in special
    }
    tokenizer = Tokenizer(_converted(model, [symbols.get(p.piece, p.piece) for p in model.pieces]))
    _set_pipeline(tokenizer, model, sources, symbols)
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in special]
    )
    for difference in _differences(model, symbols, tokenizer, processor):
        raise InputError(
            f"{path}: {difference}, so its ids can't be reproduced: train a BPE or Unigram model "
            "with SentencePiece's defaults"
        )
    return tokenizer, roles
