"""What loaders for PyTorch refuse, and that nothing imports PyTorch unasked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dali_ssd.errors import ConfigError
from tests.support.paths import ROOT
from tests.support.pipes import ANCHORS
from tests.support.torch_loaders import boxes, encoded, same, val

makers = pytest.mark.parametrize("make", [encoded, boxes, val])


@makers
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "mps"}, "device must be the CPU or an NVIDIA GPU, not 'mps'"),
        ({"device": torch.device("meta")}, "device must be the CPU or an NVIDIA GPU, not 'meta'"),
        ({"device": 3.5}, "device must be a torch.device or its name, such as 'cuda:0', not 3.5"),
        ({"device": 99}, r"device is cuda:99, and PyTorch finds \d+ GPUs? here"),
        ({"device": "gpu"}, "device must be a torch.device or its name, such as 'cuda:0', not 'gpu'"),
        ({"device": "cuda:99"}, r"device is cuda:99, and PyTorch finds \d+ GPUs? here"),
        ({"dtype": torch.float64}, "dtype must be torch.float32, float16 or bfloat16, not torch.float64"),
        ({"dtype": "int8"}, "dtype must be torch.float32, float16 or bfloat16, not 'int8'"),
        ({"dtype": []}, r"dtype must be torch.float32, float16 or bfloat16, not \[\]"),
        ({"memory_format": []}, r"memory_format must be .* not \[\]"),
        ({"dtype": "nn"}, "dtype must be torch.float32, float16 or bfloat16, not 'nn'"),
        ({"dtype": np.float32}, "dtype must be torch.float32, float16 or bfloat16, not <class 'numpy.float32'>"),
        ({"memory_format": torch.channels_last_3d}, "memory_format must be .* not torch.channels_last_3d"),
        ({"memory_format": "NHWC"}, "memory_format must be torch.contiguous_format or torch.channels_last, not 'NHWC'"),
        ({"rank": 0}, "give both world_size and rank, or neither, not None and 0"),
        ({"world_size": 2}, "give both world_size and rank, or neither, not 2 and None"),
        ({"world_size": 2, "rank": 2}, r"rank must be a whole number within 0\.\.1, not 2"),
        ({"num_threads": 0}, "num_threads must be auto or within"),
        ({"pipeline": {"num_threads": 2}, "num_threads": "auto"}, "pipeline must be a PipelineConfig"),
    ],
    ids=str,
)
def test_wrong_options_are_named_before_any_shard_is_opened(make: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make("no/such.rec", **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu() -> None:
    with pytest.raises(ConfigError, match="device is cuda, and PyTorch finds 0 GPUs here"):
        val("no/such.rec", device="cuda")


@makers
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ctx": "cpu"}, "a loader for PyTorch has no option 'ctx'; give device"),
        ({"layout": "NHWC"}, "a loader for PyTorch has no option 'layout'; give memory_format=torch.channels_last"),
        ({"framework": "dlpack"}, "a loader for PyTorch has no option 'framework'; give dali_ssd.TrainLoader"),
        ({"num_shards": 2}, "a loader for PyTorch has no option 'num_shards'; give world_size"),
        ({"shard_id": 0}, "a loader for PyTorch has no option 'shard_id'; give rank"),
    ],
    ids=str,
)
def test_names_of_other_frameworks_are_refused(make: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make("no/such.rec", **options)


@makers
def test_unknown_names_are_answered_with_the_loaders_own(make: Any) -> None:
    with pytest.raises(TypeError, match=r"^a loader for PyTorch has no option 'batchsize'; there are ") as refused:
        make("no/such.rec", batchsize=2)
    names = set(str(refused.value).partition("there are ")[2].split(", "))
    assert {"batch_size", "device", "dtype", "memory_format", "rank", "recipe", "world_size"} <= names
    assert not {"ctx", "framework", "layout", "shards"} & names
    assert ({"anchors", "targets", "seed"} <= names) == (make is not val)


def test_anchors_may_be_a_tensor(shard: Path) -> None:
    """One that has a gradient, and any type of number."""
    anchors = torch.tensor(ANCHORS[None], dtype=torch.float64, requires_grad=True)
    with encoded(shard, anchors=anchors) as one, encoded(shard) as other:
        assert same(next(iter(one)), next(iter(other)))


def test_anchors_of_a_network_in_bfloat16(shard: Path) -> None:
    rounded = torch.tensor(ANCHORS, dtype=torch.bfloat16)
    with encoded(shard, anchors=rounded) as one, encoded(shard, anchors=rounded.float()) as other:
        assert same(next(iter(one)), next(iter(other)))


@pytest.mark.parametrize("module", ["torch", "jax"])
def test_without_the_package_one_line_says_what_to_install(module: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; import dali_ssd.{module}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    name = {"torch": "PyTorch", "jax": "JAX"}[module]
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert f"MissingDependencyError: {name} is not installed; run: pip install 'dali-ssd[{module}]'" in last


UNASKED = """
import sys
import numpy as np
from dali_ssd import TrainLoader, ValLoader
options = dict(batch_size=2, data_shape=64, num_threads=2, framework="dlpack")
with TrainLoader(sys.argv[1], targets="boxes", **options) as train, ValLoader(sys.argv[1], **options) as val:
    next(iter(train)), next(iter(val))
print([name for name in ("torch", "jax") if name in sys.modules])
"""


def test_loaders_for_others_import_no_pytorch(shard: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNASKED, str(shard)], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_no_command_comes_to_them() -> None:
    """Nor does any other module of the package."""
    statement = re.compile(r"^ *(import|from) dali_ssd\.(torch|jax)\b", re.MULTILINE)
    rooms = [ROOT / "dali_ssd" / room for room in ("torch", "jax")]
    modules = [path for path in sorted((ROOT / "dali_ssd").rglob("*.py")) if not any(r in path.parents for r in rooms)]
    assert [path for path in modules if statement.search(path.read_text(encoding="utf-8"))] == []
