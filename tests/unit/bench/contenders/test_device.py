"""The framework and device of contenders where MXNet is installed; a GPU that it finds or not is pretended."""

from __future__ import annotations

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.bench.contenders.device import context, framework, mxnet_context
from dali_ssd.bench.work import Work
from dali_ssd.errors import ConfigError


def test_mxnet_is_used_where_it_can_use_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    for device, expected in (("cpu", mx.cpu()), ("gpu", mx.gpu(0))):
        work = Work((), device=device)  # type: ignore[arg-type]
        assert framework(work) == "mxnet"
        assert context(work) == mxnet_context(work) == expected


def test_a_gpu_that_mxnet_cannot_use_gets_arrays_over_dalis_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 0)
    work = Work((), device="gpu")
    assert framework(work) == "dlpack"
    assert context(work) == "gpu"
    with pytest.raises(ConfigError, match="MXNet can use no GPU here"):
        mxnet_context(work)
