"""Whole training steps: they need no host-device synchronisation, and twenty with our encoder equal
twenty with Hugging Face's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from amlm.config.schema import ModelConfig, NHotConfig, OptimizerConfig
from amlm.masking.policy import MaskingPolicy
from amlm.masking.replacement import Replacement
from amlm.masking.sampler import Bernoulli, Systematic
from amlm.masking.schedule import Linear
from amlm.masking.signals import Context
from amlm.masking.signals.entropy import Entropy
from amlm.masking.signals.hard import Hard
from amlm.masking.signals.morph import Morph
from amlm.masking.signals.neural import Neural
from amlm.masking.signals.soft import Soft
from amlm.masking.units.span import Span
from amlm.masking.units.word import Word
from amlm.models import nhot, relative
from amlm.models.build import build_model, to_hugging_face
from amlm.models.substrings import build_substring_index
from amlm.optim.optimizers import make_optimizer
from amlm.store.datamodule import StepBatch
from amlm.tokenizers.special_tokens import SpecialIds
from amlm.training.accumulators import Validation
from amlm.training.lightning_module import AdaptiveMaskedLM

V, G, L = 300, 6, 20
ASKS = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "_unique2",
    "equal",
    "is_nonzero",
}


class Noted(TorchDispatchMode):
    """The names of the operations of one kind."""

    def __init__(self, kind: Callable[[str, Any, Any], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if self.kind(name, args, kwargs):
            self.names.append(name)
        return func(*args, **(kwargs or {}))


def asks(name: str, args: Any, kwargs: Any) -> bool:
    """The host has to wait for the result, or for its shape."""
    indices = args[1] if name in ("index", "index_put", "index_put_") else ()
    return name in ASKS or any(i is not None and i.dtype == torch.bool for i in indices)


def mixes(name: str, args: Any, kwargs: Any) -> bool:
    """Tensors are on two devices, which a GPU rejects.

    Numbers may be mixed with tensors, and copies are there to go from one to the other.
    """
    given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and x.ndim]
    return len({x.device for x in given}) > 1 and name not in ("copy_", "_to_copy")


def _module(
    device: str = "cpu",
    dropout: float = 0.1,
    fusion: str = "none",
    layers: int = 2,
    **choices: Any,
) -> AdaptiveMaskedLM:
    surfaces = [None] * 5 + [f"▁{'ab' * (v % 9)}{v}" for v in range(V - 5)]
    rows_VD = torch.randn(V, 24).to(device)
    context = Context(torch.arange(V), surfaces, 100, 0, lambda ids: rows_VD[ids], 24)
    masking, validation_masking = (
        MaskingPolicy(
            V,
            100,
            signal=choices.get("signal", Hard()),
            schedule=Linear(),
            sampler=choices.get("sampler", Systematic()),
            replacement=Replacement(),
            special=SpecialIds(),
            control=choices.get("control", "none"),
            context=context,
            unit=choices.get("unit"),
            exclude=choices.get("exclude", ()),
        )
        for _ in range(2)
    )
    shape = ModelConfig(
        hidden_size=24,
        layers=layers,
        heads=2,
        intermediate_size=48,
        dropout=dropout,
        max_positions=64,
    )
    shape.nhot = NHotConfig(fusion=fusion)
    table = build_substring_index(surfaces)
    model = build_model(shape, V, table, seed=1, counts=np.arange(V))
    optimizer = OptimizerConfig(name=choices.get("optimizer", "lamb"))
    validation = Validation(torch.arange(V), ["noun"] * V)
    module = AdaptiveMaskedLM(
        model, masking, validation_masking, validation, optimizer, total_steps=100, seed=0
    )
    module._trainer = SimpleNamespace(  # type: ignore[assignment]
        global_rank=0,
        world_size=1,
        strategy=SimpleNamespace(
            reduce=lambda sums, reduce_op: sums, root_device=torch.device(device)
        ),
    )
    return module.to(device)


def _batch(step: int, device: str = "cpu") -> StepBatch:
    ids_GL = torch.randint(5, V, (G, L), generator=torch.Generator().manual_seed(step))
    ids_GL[:, 0] = SpecialIds.cls
    maskable = tuple((ids_GL >= 5).sum(1).tolist())
    words_GL = (ids_GL % 3 > 0).to(device)
    return StepBatch(ids_GL.to(device), slice(0, G), maskable, step, 0, True, words_GL)


def _optimizer(module: AdaptiveMaskedLM) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = module.configure_optimizers()["optimizer"]
    return optimizer


def _step(module: AdaptiveMaskedLM, batch: StepBatch, optimizer: torch.optim.Optimizer) -> Tensor:
    loss = module.training_step(batch, 0)
    loss.backward()  # type: ignore[no-untyped-call]
    module.configure_gradient_clipping(optimizer)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


CHOICES: list[dict[str, Any]] = [
    {},
    {"signal": Soft(), "sampler": Bernoulli()},
    *({"fusion": fusion} for fusion in ("add", "gate", "attention", "frequency")),
    {"signal": Neural(), "fusion": "add"},
    {"signal": Entropy(), "control": "shuffled"},
    {"signal": Morph(), "control": "loss_weighting"},
    {"unit": Word()},
    {"unit": Span(), "sampler": Bernoulli(), "exclude": [7]},
    {"optimizer": "adamw"},
]


def test_the_mode_detects_synchronisation() -> None:
    x = torch.arange(4)
    with Noted(asks) as noted:
        bool(x[0] > 1), x[x > 1], x.nonzero(), float(x.sum()), torch.unique(x)
    assert len(noted.names) == 5


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_a_step_needs_no_host_device_synchronisation(
    choices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a CPU n-hot embeddings read exact lengths for free; elsewhere they use these bounds.
    monkeypatch.setattr(nhot, "static_length", lambda _, bound: bound)
    monkeypatch.setattr(relative, "_head_blocks", lambda query: [slice(0, query.size(2))])
    module = _module(**choices)
    optimizer = _optimizer(module)
    for number in range(2):  # at the second, the optimizer state exists
        batch = _batch(number)
        with Noted(asks) as noted:
            _step(module, batch, optimizer)
        assert noted.names == []


def test_the_mode_detects_mixed_devices() -> None:
    there, here = torch.ones(2, 2, device="meta"), torch.ones(2, 2)
    with Noted(mixes) as noted:
        there @ here, there[torch.tensor([0])], there.gather(0, here.long())
        there * torch.tensor(2.0), there.copy_(here), here.to("meta")
    assert noted.names == ["mm", "index", "gather"]


@pytest.mark.parametrize("choices", CHOICES[:-1], ids=str)  # the last needs a real device
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_step_runs_entirely_on_its_device(
    choices: dict[str, Any], bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code path of a GPU, on the meta device: reading a number is an error."""

    class Autocast(torch.autocast):
        def __init__(self, device_type: str, *args: Any, **options: Any) -> None:
            real = "cpu" if device_type == "meta" else device_type
            super().__init__(real, *args, **options)

    monkeypatch.setattr(torch, "autocast", Autocast)
    module = _module("meta", **choices)
    optimizer = _optimizer(module)
    for number in range(2):
        with Noted(mixes) as noted, torch.autocast("meta", torch.bfloat16, enabled=bfloat16):
            loss = _step(module, _batch(number, "meta"), optimizer)
            module.masking.update(number)
        assert noted.names == []
    assert loss.is_meta and all(p.is_meta for p in module.parameters())


@contextmanager
def _synchronising_is_an_error() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("choices", CHOICES, ids=str)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_step_on_a_gpu_does_not_synchronise(choices: dict[str, Any], bfloat16: bool) -> None:
    module = _module("cuda", **choices)
    optimizer = _optimizer(module)
    batches = [_batch(number, "cuda") for number in range(4)]
    for number, batch in enumerate(batches):
        with torch.autocast("cuda", torch.bfloat16, enabled=bfloat16):
            if number < 2:  # libraries initialise
                _step(module, batch, optimizer)
                continue
            with _synchronising_is_an_error():
                _step(module, batch, optimizer)


@pytest.mark.parametrize("name", ["lamb", "adamw"])
def test_twenty_steps_equal_those_of_hugging_faces_encoder(name: str) -> None:
    module = _module(dropout=0.0, optimizer=name)
    twin = to_hugging_face(module.model)
    ours = _optimizer(module)
    theirs = make_optimizer(module.optimizer_config, twin.parameters())
    for number in range(20):
        batch = _batch(number)
        for optimizer in (ours, theirs):
            for group in optimizer.param_groups:
                group["lr"] = module.optimizer_config.lr * min((number + 1) / 5, 1.0)
        drawn = module.masking.corrupt(batch.ids_GL, number)
        labels_GL = torch.where(drawn.selected_GL, batch.ids_GL, -100)
        expected = twin(drawn.inputs_GL, labels=labels_GL).loss
        expected.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), module.optimizer_config.clip)
        theirs.step()
        theirs.zero_grad()
        assert abs(float(_step(module, batch, ours).detach()) - float(expected.detach())) < 1e-5


@pytest.mark.filterwarnings("ignore")  # the compiler's own warnings
def test_a_compiled_step_in_bfloat16_with_nhot_gives_the_same_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a GPU: one graph, one block of heads, autocast, bounds instead of exact lengths, and a
    validation of another number of sequences before the first step."""
    torch._dynamo.reset()  # the compilations of other tests count towards a limit
    monkeypatch.setattr(nhot, "static_length", lambda _, bound: bound)
    monkeypatch.setattr(relative, "_head_blocks", lambda query: [slice(0, query.size(2))])
    compiler = partial(torch.compile, fullgraph=True, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", compiler)
    # Each layer takes two seconds to compile, and all are alike.
    plain, compiled = (_module(dropout=0.0, fusion="add", layers=1) for _ in range(2))
    compiled.compile_model("default")
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        compiled._logits(_batch(0).ids_GL[:4], positions_M=torch.arange(9))
    for number in (0, 40):  # the second has fewer labels: another shape
        losses = []
        for module in (plain, compiled):
            with torch.autocast("cpu", torch.bfloat16):
                losses.append(module.training_step(_batch(number), 0))
            losses[-1].backward()  # type: ignore[no-untyped-call]
        torch.testing.assert_close(*losses, rtol=1e-3, atol=0)
    names = dict(plain.model.named_parameters())
    for name, parameter in compiled.model.named_parameters():
        found, expected = parameter.grad, names[name].grad
        assert found is not None and expected is not None
        assert (found - expected).norm() < 0.03 * expected.norm() + 1e-4, name
