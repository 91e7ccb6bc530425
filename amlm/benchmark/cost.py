"""How many floating-point operations a training step cannot do without.

Matrix products only, two operations for each multiplication, and three times the forward pass for
forward and backward. What could be left out is not counted, whether we leave it out or not: the
head and what follows the last layer's attention at positions without a label, relative positions
that cannot occur. Shapes: N tokens, L length, M labelled positions, D hidden, I intermediate,
V types, R rows of relative embeddings that occur.
"""

from __future__ import annotations

from amlm.models.deberta import DebertaV2MaskedLM


def step_operations(model: DebertaV2MaskedLM, tokens: int, length: int, labelled: float) -> float:
    """Operations of one training step.

    Args:
        tokens: N.
        length: L.
        labelled: M.
    """
    config = model.config
    width, inner = config.hidden_size, config.intermediate_size
    rows = len(model.deberta.encoder.occurring_rows(length))
    terms = len({"c2p", "p2c"} & set(config.pos_att_type))
    attention = (
        3 * tokens * width * width  # queries, keys, values
        + 2 * tokens * length * width  # content scores, context
        + terms * tokens * (2 * length - 1) * width  # position scores
        + terms * rows * width * width  # projections of relative embeddings
    )
    rest = width * width + 2 * width * inner  # of a layer, for each position: output, feed-forward
    head = width * width + width * config.vocab_size
    layers = config.num_hidden_layers
    forward = layers * attention + (layers - 1) * tokens * rest + labelled * (rest + head)
    return float(3 * 2 * forward)
