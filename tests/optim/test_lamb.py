"""Lamb against Algorithm 2 of You et al. 2020 transcribed line by line in float64 NumPy, against
steps calculated by hand, and against itself after a resume; no host-device synchronisation."""

from __future__ import annotations

import copy
import io
import math
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from amlm.optim import layers as layers_module
from amlm.optim.lamb import Lamb
from amlm.optim.layers import scale_each
from amlm.optim.learning_rate import cosine_with_warmup

SHAPES = [(7, 5), (5,), (3, 4, 2), (), (6,)]
ZERO_AT_START = 4


class Algorithm2:
    """One layer of Algorithm 2, in the order of its lines; trust ratio 1 when a norm is 0."""

    def __init__(self, x: NDArray[np.float64]) -> None:
        self.x = x.copy()
        self.m = np.zeros_like(x)
        self.v = np.zeros_like(x)
        self.t = 0

    def step(
        self, g: NDArray[np.float64], lr: float, beta1: float, beta2: float, eps: float, wd: float
    ) -> None:
        self.t += 1
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g**2
        m_hat = self.m / (1 - beta1**self.t)
        v_hat = self.v / (1 - beta2**self.t)
        r = m_hat / (np.sqrt(v_hat) + eps)
        update = r + wd * self.x
        norm_x = math.sqrt(np.sum(self.x**2))
        norm_u = math.sqrt(np.sum(update**2))
        ratio = norm_x / norm_u if norm_x > 0 and norm_u > 0 else 1.0
        self.x = self.x - lr * ratio * update


def parameters(dtype: torch.dtype = torch.float32, seed: int = 0) -> list[nn.Parameter]:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) * 0.3 for shape in SHAPES]
    arrays[ZERO_AT_START] *= 0.0
    return [nn.Parameter(torch.tensor(array, dtype=dtype)) for array in arrays]


def set_gradients(params: list[nn.Parameter], step: int) -> None:
    """Gradients of very different scales; the second tensor has none in the first three steps."""
    rng = np.random.default_rng(1000 + step)
    for index, param in enumerate(params):
        gradient = rng.normal(size=tuple(param.shape)) * 10.0 ** (index - 2)
        param.grad = torch.tensor(gradient, dtype=param.dtype)
    if step < 3:
        params[1].grad = None


def one_step(x: list[float], g: list[float], **options: Any) -> list[float]:
    param = nn.Parameter(torch.tensor(x, dtype=torch.float64))
    param.grad = torch.tensor(g, dtype=torch.float64)
    Lamb([param], **options).step()
    result: list[float] = param.detach().tolist()
    return result


@pytest.mark.parametrize("cached", [2**20, 12, 1])  # one batch; two layers; chunks of rows
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 2e-6), (torch.bfloat16, 0.03)]
)
def test_25_steps_equal_algorithm_2(
    dtype: torch.dtype, tolerance: float, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers_module, "CACHED_ELEMENTS", cached)
    monkeypatch.setattr(layers_module, "CHUNK_ELEMENTS", min(cached, 10))
    params = parameters(dtype)
    layers = [Algorithm2(param.detach().double().numpy()) for param in params]
    first: dict[str, Any] = {"lr": 7e-3, "betas": (0.9, 0.98), "eps": 1e-8, "weight_decay": 0.1}
    second: dict[str, Any] = {"lr": 2e-2, "betas": (0.8, 0.999), "eps": 1e-3, "weight_decay": 0.0}
    groups: list[dict[str, Any]] = [
        {"params": params[:2], **first},
        {"params": params[2:], **second},
    ]
    optimizer = Lamb(groups)
    for step in range(25):
        set_gradients(params, step)
        for group, options in zip(optimizer.param_groups, (first, second), strict=True):
            group["lr"] = options["lr"] * (1 - step / 25)  # as a scheduler does
        for index, (param, layer) in enumerate(zip(params, layers, strict=True)):
            if param.grad is not None:
                group = optimizer.param_groups[0 if index < 2 else 1]
                beta1, beta2 = group["betas"]
                layer.step(
                    param.grad.double().numpy(),
                    group["lr"],
                    beta1,
                    beta2,
                    group["eps"],
                    group["weight_decay"],
                )
        optimizer.step()
    for param, layer in zip(params, layers, strict=True):
        error = np.linalg.norm(param.detach().double().numpy() - layer.x)
        assert error <= tolerance * np.linalg.norm(layer.x)
    assert [optimizer.state[param]["step"] for param in params] == [25, 22, 25, 25, 25]


def test_first_step_by_hand() -> None:
    # At the first step m_hat / sqrt(v_hat) is the sign of the gradient: r = (1, -1), |x| = 5.
    # Without decay u = r and |u| = sqrt(2); with decay 0.1 u = (1.3, -0.6), |u|^2 = 2.05.
    plain = one_step([3.0, 4.0], [0.2, -7.0], lr=0.1, weight_decay=0.0)
    assert plain == pytest.approx([3 - 0.5 / math.sqrt(2), 4 + 0.5 / math.sqrt(2)], rel=1e-7)
    decayed = one_step([3.0, 4.0], [0.2, -7.0], lr=0.1, weight_decay=0.1)
    by_hand = [3 - 0.5 * 1.3 / math.sqrt(2.05), 4 + 0.5 * 0.6 / math.sqrt(2.05)]
    assert decayed == pytest.approx(by_hand, rel=1e-7)


def test_neither_the_trust_ratio_nor_the_gradient_is_clipped() -> None:
    # |x| = 500 is not clamped to 10, and a gradient of norm 1e6 gives the same step as a small one.
    large = one_step([300.0, 400.0], [6e5, -8e5], lr=0.1, weight_decay=0.0)
    assert large == pytest.approx([300 - 50 / math.sqrt(2), 400 + 50 / math.sqrt(2)], rel=1e-7)
    small = one_step([300.0, 400.0], [6e-2, -8e-2], lr=0.1, weight_decay=0.0)
    assert small == pytest.approx(large, rel=1e-6)


def test_trust_ratio_is_one_at_zero_weights() -> None:
    assert one_step([0.0, 0.0], [0.2, -7.0], lr=0.1) == pytest.approx([-0.1, 0.1], rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_zero_gradients_and_zero_weights_never_give_nan(
    dtype: torch.dtype, weight_decay: float
) -> None:
    weights = [torch.zeros(4), torch.ones(4), torch.zeros(4), torch.zeros(0), torch.tensor(0.0)]
    gradients = [torch.zeros(4), torch.zeros(4), torch.full((4,), 1e-30)]
    gradients += [torch.zeros(0), torch.tensor(0.0)]
    params = [nn.Parameter(weight.to(dtype)) for weight in weights]
    optimizer = Lamb(params, weight_decay=weight_decay)
    for _ in range(3):
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = gradient.to(dtype)
        optimizer.step()
    assert all(torch.isfinite(param).all() for param in params)
    assert torch.equal(params[0], torch.zeros(4, dtype=dtype))
    # With a zero gradient only the decay remains, with trust ratio |x| / (0.1 |x|): each step
    # multiplies the weights by 1 - lr.
    decayed = torch.full((4,), (1 - 7e-3) ** 3 if weight_decay else 1.0)
    atol = 2e-2 if dtype == torch.bfloat16 else 1e-6
    assert torch.allclose(params[1].float(), decayed, atol=atol)


def test_a_step_never_reads_a_tensor_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a step must not read a tensor on the host")

    params = parameters()
    optimizer = Lamb(params)
    reads = ["item", "tolist", "nonzero", "cpu", "numpy", "__bool__", "__float__", "__int__"]
    reads += ["__index__", "__array__"]
    for step in range(2):  # the first creates the state, the second reuses it
        set_gradients(params, step)
        with monkeypatch.context() as patch:
            for name in reads:
                patch.setattr(Tensor, name, forbidden)
            with pytest.raises(AssertionError, match="must not read"):
                bool(params[0].sum() > 0)
            optimizer.step()


class Launches(TorchDispatchMode):
    """Operations that are not views; those on lists must pair tensors of the same shape, or torch
    launches a kernel for each."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.count += name not in ("view", "unbind", "detach")
        if name.startswith("_foreach"):
            lists = [each for each in args if isinstance(each, list) and torch.is_tensor(each[0])]
            assert all(len({x.shape for x in row}) == 1 for row in zip(*lists, strict=True)), name
        return func(*args, **(kwargs or {}))


def test_launches_do_not_grow_with_the_number_of_layers() -> None:
    """The code path of a GPU, on the meta device."""

    def launches(layers: int) -> int:
        shapes = [(50, 8), *[(8, 8), (8,), (8, 16), (16,)] * layers]
        params = [nn.Parameter(torch.ones(shape, device="meta")) for shape in shapes]
        optimizer = Lamb(params)
        for _ in range(2):  # at the second, the state exists
            for param in params:
                param.grad = torch.ones_like(param)
            counted = Launches()
            with counted:
                optimizer.step()
        return counted.count

    assert launches(2) == launches(12) < 40


def test_each_tensor_is_scaled_by_its_own_factor() -> None:
    tensors = [torch.randn(shape) for shape in ((3, 2), (4,), (3, 2), (), (4,), (2, 3), ())]
    factors = torch.randn(len(tensors))
    expected = [tensor * factor for tensor, factor in zip(tensors, factors, strict=True)]
    for found, one in zip(scale_each(tensors, factors), expected, strict=True):
        assert torch.equal(found, one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_does_not_synchronise_on_a_gpu() -> None:
    on_cpu = parameters()
    on_gpu = [nn.Parameter(param.detach().cuda()) for param in on_cpu]
    optimizers = [Lamb(on_cpu), Lamb(on_gpu)]
    for step in range(5):
        set_gradients(on_cpu, step)
        for source, target in zip(on_cpu, on_gpu, strict=True):
            target.grad = None if source.grad is None else source.grad.cuda()
        optimizers[0].step()
        torch.cuda.set_sync_debug_mode("error")
        try:
            optimizers[1].step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    for source, target in zip(on_cpu, on_gpu, strict=True):
        assert torch.allclose(source, target.cpu(), rtol=1e-5, atol=1e-7)


def test_resuming_from_a_saved_state_is_bitwise_exact() -> None:
    params = parameters()
    groups: list[dict[str, Any]] = [
        {"params": params[:2], "weight_decay": 0.0},
        {"params": params[2:]},
    ]
    optimizer = Lamb(groups)
    for step in range(7):
        set_gradients(params, step)
        optimizer.step()
    file = io.BytesIO()
    torch.save({"weights": params, "optimizer": optimizer.state_dict()}, file)
    for step in range(7, 13):
        set_gradients(params, step)
        optimizer.step()

    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = saved["weights"]
    again = Lamb([{"params": resumed[:2]}, {"params": resumed[2:]}], lr=1.0, betas=(0.0, 0.0))
    again.load_state_dict(saved["optimizer"])
    for step in range(7, 13):
        set_gradients(resumed, step)
        again.step()

    for reference, param in zip(params, resumed, strict=True):
        expected, state = optimizer.state[reference], again.state[param]
        assert torch.equal(reference, param)
        assert expected.keys() == state.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert type(state["step"]) is int
        assert expected["step"] == state["step"]
        assert torch.equal(expected["exp_avg"], state["exp_avg"])
        assert torch.equal(expected["exp_avg_sq"], state["exp_avg_sq"])


def test_mixed_dtypes_in_one_group_step_independently() -> None:
    together = [nn.Parameter(param.detach()) for param in parameters(torch.float64)]
    together[0] = nn.Parameter(together[0].detach().float())
    together[2] = nn.Parameter(together[2].detach().bfloat16())
    alone = copy.deepcopy(together)
    optimizer, optimizers = Lamb(together), [Lamb([param]) for param in alone]
    for step in range(3):
        set_gradients(together, step)
        set_gradients(alone, step)
        optimizer.step()
        for single in optimizers:
            single.step()
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_parameters_without_gradient_are_skipped_and_gradients_are_not_modified() -> None:
    params = parameters()
    before = params[1].detach().clone()
    optimizer = Lamb(params)
    set_gradients(params, 0)
    gradients = [None if param.grad is None else param.grad.clone() for param in params]
    optimizer.step()
    assert torch.equal(params[1], before)
    assert params[1] not in optimizer.state
    for param, gradient in zip(params, gradients, strict=True):
        if gradient is not None:
            assert param.grad is not None
            assert torch.equal(param.grad, gradient)


def test_closure_runs_with_gradients_and_its_loss_is_returned() -> None:
    param = nn.Parameter(torch.tensor([3.0, -4.0]))
    optimizer = Lamb([param])

    def closure() -> float:
        (gradient,) = torch.autograd.grad(param.square().sum(), param)
        param.grad = gradient
        return float(param.detach().square().sum())

    losses = [optimizer.step(closure) for _ in range(3)]
    assert losses[0] == 25.0
    assert losses == sorted(losses, reverse=True)
    assert optimizer.step() is None


def test_learning_rate_comes_from_the_parameter_group() -> None:
    param = nn.Parameter(torch.tensor([3.0, 4.0], dtype=torch.float64))
    optimizer = Lamb([param], lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine_with_warmup(step, 4, 2)
    )
    sizes = []
    for _ in range(5):  # one more step than the schedule has
        before = param.detach().clone()
        param.grad = torch.tensor([0.2, -7.0], dtype=torch.float64)
        optimizer.step()
        scheduler.step()
        sizes.append(float((param.detach() - before).norm() / before.norm()))
    # The trust ratio makes every step lr times as long as the weights, whatever the gradient.
    assert sizes == pytest.approx([0.05, 0.1, 0.1, 0.05, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, r"group 0: lr must be a number in \[0.0, inf\), got -1.0"),
        ({"lr": math.inf}, "lr must be .* got inf"),
        ({"lr": "7e-3"}, "lr must be a number .* got '7e-3'"),
        ({"lr": torch.tensor(1e-3)}, r"lr must be a number .* got tensor\(0.0010\)"),
        ({"betas": (1.0, 0.98)}, r"betas\[0\] must be a number in \[0.0, 1.0\), got 1.0"),
        ({"betas": (0.9, -0.1)}, r"betas\[1\] must be .* got -0.1"),
        ({"betas": (0.9,)}, r"betas must be a tuple or list of two numbers, got \(0.9,\)"),
        ({"betas": 0.9}, "betas must be a tuple or list of two numbers, got 0.9"),
        ({"eps": 0.0}, r"eps must be a number in \[1e-30, inf\), got 0.0"),
        ({"weight_decay": math.nan}, "weight_decay must be .* got nan"),
    ],
)
def test_invalid_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lamb(parameters(), **options)


def test_an_invalid_option_names_its_parameter_group() -> None:
    params = parameters()
    groups: list[dict[str, Any]] = [{"params": params[:2]}, {"params": params[2:], "lr": -3.0}]
    with pytest.raises(ValueError, match="Lamb, parameter group 1: lr must be"):
        Lamb(groups)


def test_a_sparse_gradient_is_refused_before_any_update() -> None:
    dense = nn.Parameter(torch.ones(3))
    embedding = nn.Embedding(6, 2, sparse=True)
    embedding(torch.tensor([1, 4])).sum().backward()
    dense.grad = torch.ones(3)
    groups: list[dict[str, Any]] = [{"params": [dense]}, {"params": embedding.parameters()}]
    optimizer = Lamb(groups)
    with pytest.raises(ValueError, match=r"parameter group 1: .* shape \(6, 2\) is sparse"):
        optimizer.step()
    assert torch.equal(dense, torch.ones(3))
    assert not optimizer.state


def test_float16_parameters_are_refused() -> None:
    param = nn.Parameter(torch.ones(2, dtype=torch.float16))
    param.grad = torch.ones_like(param)
    with pytest.raises(ValueError, match=r"is torch.float16; keep parameters in float32"):
        Lamb([param]).step()


def test_without_adaptation_a_tensor_takes_adams_steps() -> None:
    # A bias that starts at zero, beside a matrix that is adapted: 300 steps of each rule.
    dice = np.random.default_rng(3)
    bias, matrix = np.zeros(9), dice.normal(size=(4, 3)) * 0.1
    params = [nn.Parameter(torch.tensor(x, dtype=torch.float64)) for x in (bias, matrix)]
    groups: list[dict[str, Any]] = [
        {"params": params[:1], "adapt": False, "weight_decay": 0.0},
        {"params": params[1:]},
    ]
    optimizer = Lamb(groups, lr=1e-2, weight_decay=0.1)
    adapted, m, v = Algorithm2(matrix), np.zeros(9), np.zeros(9)
    for t in range(1, 301):
        gradients = [dice.normal(size=9) + 0.5, dice.normal(size=(4, 3))]
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = torch.tensor(gradient)
        m = 0.9 * m + 0.1 * gradients[0]
        v = 0.98 * v + 0.02 * gradients[0] ** 2
        bias = bias - 1e-2 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.98**t)) + 1e-8)
        adapted.step(gradients[1], 1e-2, 0.9, 0.98, 1e-8, 0.1)
        optimizer.step()
    np.testing.assert_allclose(params[0].detach().numpy(), bias, rtol=1e-9)
    np.testing.assert_allclose(params[1].detach().numpy(), adapted.x, rtol=1e-9)


def test_moments_of_bfloat16_weights_are_float32() -> None:
    param = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    optimizer = Lamb([param])
    for step in range(1, 4):
        param.grad = torch.full((4,), 0.1 * step, dtype=torch.bfloat16)
        optimizer.step()
    state = optimizer.state[param]
    assert state["exp_avg"].dtype == state["exp_avg_sq"].dtype == torch.float32
    assert param.dtype == torch.bfloat16
    resumed = Lamb([param])
    resumed.load_state_dict(optimizer.state_dict())
    for name in ("exp_avg", "exp_avg_sq"):
        again = resumed.state[param][name]
        assert again.dtype == torch.float32 and torch.equal(again, state[name])
        assert again.data_ptr() != state[name].data_ptr()
