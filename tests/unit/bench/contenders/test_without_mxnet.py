"""The contenders without MXNet: those that can do without hand over NumPy's arrays, the others say what to do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from dali_ssd.anchors import vgg_anchors
from dali_ssd.bench.contenders import CONTENDERS, load
from dali_ssd.bench.contenders.device import context, framework
from dali_ssd.bench.measuring.child import Request, main
from dali_ssd.bench.measuring.measure import Window
from dali_ssd.bench.work import Work

ABLE = ("dali_ssd", "stock", "decode")
NEEDY = ("gluoncv", "mxnet", "synthetic")


@pytest.fixture(autouse=True)
def without_mxnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mxnet", None)
    for name in CONTENDERS:  # another test may have imported it with MXNet
        monkeypatch.delitem(sys.modules, f"dali_ssd.bench.contenders.{name}", raising=False)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_batches_are_arrays_over_dalis_memory_on_either_device(device: Literal["cpu", "gpu"]) -> None:
    work = Work((), device=device)
    assert framework(work) == "dlpack"
    assert context(work) == device


@pytest.mark.parametrize("name", ABLE)
def test_those_that_can_do_without_work(name: str, shard: Path) -> None:
    batch = next(load(name).batches(Work((str(shard),), batch_size=2), vgg_anchors(300)))
    batch.wait()
    assert batch.size == 2
    if name != "decode":
        assert [array.shape for array in (*batch.data, *batch.cls_targets, *batch.box_targets)] == [
            (2, 3, 300, 300),
            (2, 8732),
            (2, 8732, 4),
        ]
        assert all(isinstance(array, np.ndarray) for array in (*batch.data, *batch.cls_targets, *batch.box_targets))


@pytest.mark.parametrize("name", NEEDY)
def test_the_others_say_what_to_install(name: str, shard: Path, tmp_path: Path) -> None:
    request, result = tmp_path / "request.json", tmp_path / "result.json"
    request.write_text(json.dumps(asdict(Request(name, Work((str(shard),)), Window()))))
    assert main(request, result) == 1
    error = json.loads(result.read_text())["error"]
    assert error.startswith("MXNet is not installed; run: pip install 'dali-ssd[mxnet]'")
