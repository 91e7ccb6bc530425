"""The number of floating-point operations that a training step needs at least.

Only matrix products are counted, with two operations per multiplication, and three times the
forward pass for forward and backward. Avoidable work is not counted, whether we avoid it or not:
the head and everything after the last layer's attention at positions without a label, relative
positions that do not occur, and those that no row of a block of position scores reaches. Shapes: N
tokens, L length, M labelled positions, D hidden, I intermediate, V types, R rows of the relative
embeddings in use.
"""

from __future__ import annotations

from amlm.models.deberta import DebertaV2MaskedLM
from amlm.models.relative import ROWS


def step_operations(model: DebertaV2MaskedLM, tokens: int, length: int, labelled: float) -> float:
    """Operations of one training step with N tokens, L to a sequence, and M labels."""
    config = model.config
    width, inner = config.hidden_size, config.intermediate_size
    rows = len(model.deberta.encoder.occurring_rows(length))
    terms = len({"c2p", "p2c"} & set(config.pos_att_type))
    blocks = [min(ROWS, length - first) for first in range(0, length, ROWS)]
    columns = sum(height * (length + height - 1) for height in blocks)
    attention = (
        3 * tokens * width * width  # queries, keys, values
        + 2 * tokens * length * width  # content scores, context
        + terms * tokens // length * columns * width  # position scores
        + terms * rows * width * width  # projections of relative embeddings
    )
    rest = width * width + 2 * width * inner  # per layer and position: output and feed-forward
    head = width * width + width * config.vocab_size
    layers = config.num_hidden_layers
    forward = layers * attention + (layers - 1) * tokens * rest + labelled * (rest + head)
    return float(3 * 2 * forward)
