"""The plugin's sources, compiled for the host alone with a sanitizer, and the cases that they are run on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd.config import INTERPOLATIONS, TargetConfig
from dali_ssd.kernels.targets import anchor_tables
from dali_ssd.plugin.sources import own_sources
from tests.support.cases import View

Floats = npt.NDArray[np.float32]
Team = tuple[int, int]
"""Warps, and lanes of each, 1 or 32: a thread each."""
ALONE: Team = (1, 1)
"""The team of the operators' CPU backend."""

_HOST = Path(__file__).resolve().parents[1] / "unit" / "plugin" / "host.cc"
_FLAGS = ("-std=c++20", "-O1", "-g", "-ffp-contract=off", "-fno-sanitize-recover=all", "-pthread", "-Wall", "-Werror")
_OPTIONS = {"UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1"}


@dataclass(frozen=True)
class Lights:
    """A region `(height, width)` too large to be written: black but for some pixels, rows of row, column, value."""

    shape: tuple[int, int]
    spots: npt.NDArray[np.int32]


class Host:
    """The program of `host.cc`, compiled with some of the compiler's sanitizers."""

    def __init__(self, folder: Path, *sanitizers: str) -> None:
        self._program = folder / "-".join(["host", *sanitizers])
        sources = own_sources()
        flags = [*_FLAGS, f"-fsanitize={','.join(sanitizers)}", *sources.define_flags, f"-I{sources.folder}"]
        command = ["g++", *flags, str(_HOST), "-o", str(self._program)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)

    def targets(self, cases: Sequence[Floats], anchors: Floats, *, team: Team = ALONE) -> list[tuple[Floats, Floats]]:
        """Return classes `(N,)` and offsets `(N, 4)` for objects `(m, 5)` of each case and center anchors (N, 4)."""
        config = TargetConfig()
        numbers = np.array([config.iou_threshold, *config.stds], np.float32)
        tables = [np.ravel(table) for table in anchor_tables(anchors)]
        inputs = []
        for objects in cases:
            head = np.array([len(objects), len(anchors)], np.int32)
            inputs.extend([head, numbers, *tables, objects.astype(np.float32)])
        found = self._run("targets", team, inputs).reshape(len(cases), -1)
        split = len(anchors)
        return [(row[:split], row[split:].reshape(split, 4)) for row in found]

    def render(self, views: Sequence[View], size: int, *, team: Team = ALONE) -> list[Floats]:
        """Return the network's input `(3, size, size)` of each view."""
        inputs: list[Any] = []
        for view in views:
            top, left, height, width = (int(number) for number in view.region)
            x0, y0, x1, y1 = view.window
            axes = (y0 - top, y1 - top, height, x0 - left, x1 - left, width)
            inputs.extend(_render_case(size, view.kind, view.mirrored, axes, -1, view.color))
            inputs.append(np.ascontiguousarray(view.pixels))
        return list(self._run("render", team, inputs).reshape(-1, 3, size, size))

    def render_lights(
        self, lights: Lights, size: int, kind: str, color: npt.NDArray[np.float64], *, mirrored: bool = False
    ) -> Floats:
        """Return the network's input `(3, size, size)` of the whole of a region of lights."""
        height, width = lights.shape
        axes = (0, height, height, 0, width, width)
        case = _render_case(size, kind, mirrored, axes, len(lights.spots), color)
        return self._run("render", ALONE, [*case, lights.spots]).reshape(3, size, size)

    def _run(self, mode: str, team: Team, inputs: Sequence[npt.NDArray[Any]]) -> Floats:
        given = b"".join(np.ascontiguousarray(array).tobytes() for array in inputs)
        command = [*_fixed_addresses(), str(self._program), mode, *map(str, team)]
        environment = {**os.environ, **_OPTIONS}
        done = subprocess.run(command, input=given, capture_output=True, timeout=600, check=False, env=environment)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
        return np.frombuffer(done.stdout, np.float32)


@cache
def _fixed_addresses() -> tuple[str, ...]:
    """Return how to start a program without random addresses; nothing where the system does not allow it.

    The thread sanitizer cannot lay out its memory where they are drawn from too wide a range.
    """
    command = ("setarch", "-R")
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return ()
    return command if allowed else ()


def _render_case(
    size: int, kind: str, mirrored: bool, axes: tuple[int, ...], spots: int, color: npt.NDArray[np.float64]
) -> list[npt.NDArray[Any]]:
    head = np.array([size, INTERPOLATIONS.index(kind), mirrored, *axes, spots], np.int32)
    return [head, color.astype(np.float32)]
