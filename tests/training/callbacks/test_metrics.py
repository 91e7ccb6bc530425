"""What a record says of memory."""

from __future__ import annotations

import pytest
import torch

from amlm.training.callbacks.metrics import memory


def test_memory_of_a_gpu_is_the_peak_of_torchs_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda asked: (asked == device) * 7)
    found = memory(device)
    assert found["peak_device_memory"] == 7 and found["peak_memory"] is not None
    assert "peak_device_memory" not in memory(torch.device("cpu"))
