"""Compiled kernels: the cache on disk, and what they refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.config import RenderConfig
from dali_ssd.errors import ConfigError
from dali_ssd.graph.plan import validation_kernel
from dali_ssd.graph.targets import target_kernel
from dali_ssd.kernels.compile import pack_arrays, unpack_array
from dali_ssd.kernels.plan import validation_settings
from tests.support.paths import ROOT

DOUBLE = """
import numpy as np
from dali_ssd.graph.callback import RUN, SETUP, Kernel, compiled, dims, vector

def run_callback(digest):
    def run(outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins):
        digest
        target, source = vector(outs, out_shapes, 0, np.float32), vector(ins, in_shapes, 0, np.float32)
        for i in range(source.size):
            target[i] = 2 * source[i]
    return run

def setup_callback(digest):
    def setup(out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, samples):
        digest
        for sample in range(samples):
            dims(out_shapes, 0, sample, samples, 1)[0] = dims(in_shapes, 0, sample, samples, 1)[0]
    return setup

run, setup = compiled(RUN, run_callback), compiled(SETUP, setup_callback)
double = Kernel(run, setup, (("float32", 1),), (("float32", 1),))
"""
"""A kernel small enough to compile in a second, as any module could define one."""

USE = """
import numpy as np, double
assert double.double.on_arrays(np.arange(5.0))[0].tolist() == [0, 2, 4, 6, 8]
print("hits", double.run.cache_hits + double.setup.cache_hits)
"""
OTHER_SOURCE = "from dali_ssd.graph import callback; callback.source_digest = lambda: 'edited'\n"
NO_FOLDER = """
from numba.core import caching
def refuse(self): raise OSError("read-only file system")
caching._CacheLocator.ensure_cache_path = refuse
"""


def hits(folder: Path, program: str, **environment: str) -> int:
    """Run a program that uses the kernel in a process of its own; how many of its two callbacks came from the cache."""
    if not (folder / "double.py").exists():  # its time of change is part of the cache's key
        (folder / "double.py").write_text(DOUBLE)
    path = os.pathsep.join([str(folder), str(ROOT)])
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    return int(result.stdout.split()[-1])


def test_a_second_process_does_not_compile(tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    assert hits(tmp_path, USE, NUMBA_CACHE_DIR=cache) == 0
    written = {file: file.stat().st_mtime_ns for file in Path(cache).rglob("*.nb?")}
    assert len(written) >= 4
    assert hits(tmp_path, USE, NUMBA_CACHE_DIR=cache) == 2
    assert {file: file.stat().st_mtime_ns for file in Path(cache).rglob("*.nb?")} == written


def test_an_edit_of_a_called_function_is_noticed(tmp_path: Path) -> None:
    """Numba looks at the file of the outermost function alone; the digest stands for all of `dali_ssd.graph`."""
    cache = str(tmp_path / "cache")
    hits(tmp_path, USE, NUMBA_CACHE_DIR=cache)
    assert hits(tmp_path, OTHER_SOURCE + USE, NUMBA_CACHE_DIR=cache) == 0
    assert hits(tmp_path, USE, NUMBA_CACHE_DIR=cache) == 2


def test_a_kernel_works_where_no_cache_can_be_written(tmp_path: Path) -> None:
    assert hits(tmp_path, NO_FOLDER + USE) == 0
    assert not list(tmp_path.rglob("*.nb?"))


def good() -> list[np.ndarray[Any, Any]]:
    """Arguments that `validation_kernel` takes."""
    return [np.array([2, 5], np.float32), np.array([30, 40, 3]), np.zeros(14, np.float32)]


@pytest.mark.parametrize(
    ("position", "wrong", "message"),
    [
        (0, np.zeros((2, 3), np.float32), r"array 0 must be float32 with 1 dim.*\(2, 3\)"),
        (0, np.float32(3), r"array 0 .*\(\)"),
        (1, np.array([30.0, 40.0, 3.0]), "array 1 must be int64 .*float64"),
        (2, np.zeros(14, complex), "array 2 must be float32 .*complex128"),
        (2, np.array(["a"] * 14), "array 2 must be float32"),
    ],
)
def test_other_arrays_are_refused(position: int, wrong: np.ndarray[Any, Any], message: str) -> None:
    arguments = good()
    arguments[position] = wrong
    with pytest.raises(ConfigError, match=message):
        validation_kernel().on_arrays(*arguments)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_another_number_of_arrays_is_refused(number: int) -> None:
    with pytest.raises(ConfigError, match=f"takes 3 arrays, not {number}"):
        validation_kernel().on_arrays(*(good() * 2)[:number])


def test_arrays_need_not_be_contiguous() -> None:
    label = np.zeros(14, np.float32)
    label[::2] = [2, 5, 1, 0.25, 0.25, 0.5, 0.5]
    arguments = good()
    arguments[2] = validation_settings(RenderConfig(data_shape=100), unit="fraction")
    plan, _, objects = validation_kernel().on_arrays(label[::2], *arguments[1:])
    assert plan.size == 19
    np.testing.assert_allclose(objects, [[25, 25, 50, 50, 1, 0]])


def test_kernels_are_made_once() -> None:
    assert target_kernel() is target_kernel()


def test_packed_arrays_come_apart_again() -> None:
    arrays: list[Any] = [np.arange(6.0).reshape(2, 3), np.empty(0), 0.25, range(3)]
    vector = pack_arrays(*arrays)
    assert vector.dtype == np.float32
    for number, array in enumerate(arrays):
        np.testing.assert_array_equal(unpack_array(vector, number), np.ravel(array))
