"""The goals that this package has on GPUs, and which of them the figures reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dali_ssd.bench.experiment import Run
from dali_ssd.bench.results.summary import Row, summarize

__all__ = ["Goal", "goals"]

_SHARE = 0.9
"""Of the images/s of nvJPEG alone, for the loader on each card."""
_NODE, _SPEED = 8, 12_000
"""Devices of a node, and images/s of the loader on all of them together."""
_SHAPE = 300
"""The network input in pixels that the goal of a node is for."""


@dataclass(frozen=True)
class Goal:
    """One goal and what became of it."""

    text: str
    state: Literal["met", "not met", "not measured"]
    figure: str


def goals(runs: Mapping[int, Sequence[Run]], devices: Sequence[int]) -> list[Goal]:
    """Return the goals of each device and of the node, from the runs of each data shape."""
    rows = {shape: summarize(some) for shape, some in runs.items()}
    return [*(_share(rows, number) for number in devices), _node(rows.get(_SHAPE, []), devices)]


def _share(rows: Mapping[int, Sequence[Row]], number: int) -> Goal:
    """Compare the fastest loader with the fastest decoder, each at its best batch size, at every data shape."""
    shares = {}
    for shape, some in rows.items():
        mine, limit = (_fastest(some, name, (number,)) for name in ("dali_ssd", "decode"))
        if mine and limit:
            shares[shape] = mine / limit
    text = f"device {number}: the loader reaches {_SHARE:g} of nvJPEG alone at every size"
    if not rows or shares.keys() != rows.keys():
        return Goal(text, "not measured", "")
    figure = ", ".join(f"{share:.2f} at {shape} px" for shape, share in shares.items())
    return Goal(text, "met" if min(shares.values()) >= _SHARE else "not met", figure)


def _node(rows: Sequence[Row], devices: Sequence[int]) -> Goal:
    text = f"{_SPEED:,} images/s of the loader at {_SHAPE} px on {_NODE} devices together"
    speed = _fastest(rows, "dali_ssd", tuple(devices))
    if not speed:
        return Goal(text, "not measured", "")
    figure = f"{speed:,.0f} images/s on {len(devices)}"
    if len(devices) != _NODE:
        return Goal(text, "not measured", figure)
    return Goal(text, "met" if speed >= _SPEED else "not met", figure)


def _fastest(rows: Sequence[Row], contender: str, devices: tuple[int, ...]) -> float:
    """Return the median images/s at the best setting; 0 if there is none."""
    mine = [row for row in rows if row.trial.contender == contender and row.trial.devices == devices]
    return max((row.speed.median for row in mine if row.speed), default=0.0)
