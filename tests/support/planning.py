"""The plan kernels called with options as `AugmentConfig` has them, and what they return by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dali_ssd.config import INTERPOLATIONS, AugmentConfig, CoordinateUnit, RenderConfig
from dali_ssd.graph.plan import training_kernel, validation_kernel
from dali_ssd.kernels.plan import (
    COLOR,
    COUNT,
    FILTER,
    MIRROR,
    PLAN_SIZE,
    WINDOW,
    training_settings,
    validation_settings,
)


@dataclass(frozen=True)
class Plan:
    """What a plan kernel decided for one image."""

    vector: npt.NDArray[np.float32]
    region: npt.NDArray[np.int32]
    all_objects: npt.NDArray[np.float32]

    @property
    def window(self) -> npt.NDArray[np.float64]:
        return self.vector[WINDOW : WINDOW + 4].astype(np.float64)

    @property
    def mirrored(self) -> bool:
        return bool(self.vector[MIRROR])

    @property
    def filter(self) -> str:
        return INTERPOLATIONS[int(self.vector[FILTER])]

    @property
    def color(self) -> npt.NDArray[np.float64]:
        return self.vector[COLOR:PLAN_SIZE].reshape(3, 4).astype(np.float64)

    @property
    def objects(self) -> npt.NDArray[np.float32]:
        return self.all_objects[: int(self.vector[COUNT])]


def draw_plan(
    label: npt.NDArray[np.float32],
    shape: tuple[int, int],
    seed: tuple[int, int] = (1, 2),
    augment: AugmentConfig | None = None,
    *,
    size: int = 64,
    unit: CoordinateUnit = "fraction",
) -> Plan:
    """A training plan of an image of this height and width."""
    settings = training_settings(augment or AugmentConfig(), RenderConfig(data_shape=size), unit)
    arrays: list[Any] = [label, np.array([*shape, 3]), np.array(seed, np.uint32), settings]
    return Plan(*training_kernel().on_arrays(*arrays))


def plan_whole(
    label: npt.NDArray[np.float32], shape: tuple[int, int], *, size: int = 64, unit: CoordinateUnit = "fraction"
) -> Plan:
    """The validation plan of an image of this height and width."""
    settings = validation_settings(RenderConfig(data_shape=size), unit)
    return Plan(*validation_kernel().on_arrays(label, np.array([*shape, 3]), settings))
