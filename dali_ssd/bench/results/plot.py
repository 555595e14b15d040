"""Draw the results as PNG: bars with their spread, or curves over threads and batch sizes if there are several."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.steps import StepCost, step_costs
from dali_ssd.bench.results.summary import REFERENCE, Row, Spread, summarize
from dali_ssd.bench.results.table import format_number, named_gpus
from dali_ssd.errors import DatasetError
from dali_ssd.util.files import atomic_path
from dali_ssd.util.optional import require
from dali_ssd.util.words import counted

__all__ = ["plot_record"]

_MINE, _OTHERS, _INK = "#2563eb", "#9ca3af", "#374151"
_CURVES = ("#ea8a12", "#15803d", "#9333ea", "#dc2626", "#0891b2")
_FREE = "synthetic"
"""Takes no time, so in a plot of loading it would only shrink the other bars."""
_LINE = 100
"""Characters of a line of the title that fit the width of the figure, capitals among them."""


def plot_record(record: BenchResult, path: Path) -> None:
    """Draw the record and replace the PNG at `path`. Raises DatasetError if it holds nothing to draw."""
    figure = require("matplotlib.figure").Figure(layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    if record.task == "steps":
        _fill_with_steps(figure, [step for step in step_costs(record.runs) if step.cost is not None])
    else:
        _fill_with_contenders(figure, [row for row in summarize(record.runs) if _is_shown(row, record.task)])
    figure.suptitle(_title(record), fontsize=10, x=0.01, ha="left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _is_shown(row: Row, task: str) -> bool:
    return row.speed is not None and (row.trial.contender != _FREE or task != "load")


def _fill_with_contenders(figure: Any, rows: Sequence[Row]) -> None:
    _check_any(rows)
    settings = [setting for setting in ("threads", "batch_size") if len(_values(rows, setting)) > 1]
    figure.set_size_inches(9, 5 if settings else 1.6 + 0.5 * len(rows))
    for number, setting in enumerate(settings):
        _draw_curves(figure.add_subplot(1, len(settings), number + 1), rows, setting)
    if not settings:
        _draw_bars(figure.add_subplot(), rows)


def _fill_with_steps(figure: Any, steps: Sequence[StepCost]) -> None:
    _check_any(steps)
    figure.set_size_inches(9, 1.6 + 0.5 * len(steps))
    axes = figure.add_subplot()
    several = len({step.batch_size for step in steps}) > 1
    names = [f"{step.step}, batch {step.batch_size}" if several else step.step for step in steps]
    bars = [
        (name, step.cost, format_number(step.cost.median))
        for name, step in zip(names, steps, strict=True)
        if step.cost is not None
    ]
    _draw_spreads(axes, bars, [_MINE] * len(bars))
    axes.set_xlabel("CPU ms per image on one thread (median; lines: lowest to highest)")


def _check_any(shown: Sequence[object]) -> None:
    if not shown:
        raise DatasetError("nothing gave numbers, so there is nothing to plot")


def _title(record: BenchResult) -> str:
    data, machine = record.data, record.machine
    size = f"{data.mean_width:.0f} x {data.mean_height:.0f} px"
    what = f"{counted(data.records, 'record')} of {size}, {data.mean_objects:.1f} objects"
    gpus = [named_gpus(machine.gpus)] if machine.gpus else []
    where = ", ".join([machine.cpu, counted(machine.cores, "core"), *gpus])
    first = f"{record.task} at {record.data_shape} px on the {record.device}: {what}"
    return "\n".join(textwrap.fill(line, _LINE) for line in (first, where))


def _values(rows: Sequence[Row], axis: str) -> list[int]:
    return sorted({getattr(row.trial, axis) for row in rows})


def _draw_bars(axes: Any, rows: Sequence[Row]) -> None:
    shown = [row for row in rows if row.speed is not None]
    bars = [(_name(row), row.speed, _label(row)) for row in shown if row.speed is not None]
    _draw_spreads(axes, bars, [_MINE if row.trial.contender == REFERENCE else _OTHERS for row in shown])
    axes.set_xlabel("images/s (median; lines: lowest to highest)")


def _draw_spreads(axes: Any, bars: Sequence[tuple[str, Spread, str]], colors: Sequence[str]) -> None:
    """Draw one bar per (name, spread, label), the first on top."""
    spreads = [spread for _, spread, _ in bars]
    errors = [[it.median - it.low for it in spreads], [it.high - it.median for it in spreads]]
    medians = [it.median for it in spreads]
    axes.barh(range(len(bars)), medians, xerr=errors, color=colors, ecolor=_INK, capsize=3)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set_xlim(min([0.0, *medians]), 1.05 * max(it.high for it in spreads))
    # As labels of an axis they have room of their own, however long they are.
    labels = axes.secondary_yaxis("right")
    labels.set_yticks(range(len(bars)), [label for _, _, label in bars])
    labels.tick_params(length=0, labelcolor=_INK)
    labels.spines["right"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.spines[["top", "right"]].set_visible(False)


def _name(row: Row) -> str:
    return row.trial.contender + row.trial.where


def _label(row: Row) -> str:
    speed = format_number(row.speed.median) if row.speed else ""
    if row.scaling is not None:
        speed += f", {row.scaling.median:.2f} of {len(row.trial.devices)} x one"
    if row.ratio is None or row.trial.contender == REFERENCE:
        return speed
    return f"{speed}  ({REFERENCE} is {format_number(row.ratio.median)}x)"


def _draw_curves(axes: Any, rows: Sequence[Row], axis: str) -> None:
    """Draw the speed over one setting, at the largest value of the other."""
    other = "batch_size" if axis == "threads" else "threads"
    fixed = _values(rows, other)[-1]
    names = {_name(row): row.trial.contender for row in rows}
    peers = dict.fromkeys(name for name in names.values() if name != REFERENCE)
    colors = dict(zip(peers, _CURVES, strict=False))
    for name, contender in names.items():
        chosen = [row for row in rows if _name(row) == name and getattr(row.trial, other) == fixed]
        chosen.sort(key=lambda row: int(getattr(row.trial, axis)))
        _draw_curve(axes, chosen, axis, colors.get(contender, _MINE))
    axes.set_ylim(bottom=0)
    axes.set_xticks(_values(rows, axis))
    axes.set_xlabel(f"{axis.replace('_', ' ')} ({other.replace('_', ' ')} {fixed})")
    axes.set_ylabel("images/s")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _draw_curve(axes: Any, rows: Sequence[Row], axis: str, color: str) -> None:
    points = [(getattr(row.trial, axis), row.speed) for row in rows if row.speed is not None]
    if not points:
        return
    places = [place for place, _ in points]
    style = "o-" if len(rows[0].trial.devices) == 1 else "s--"
    axes.plot(places, [speed.median for _, speed in points], style, color=color, label=_name(rows[0]))
    axes.fill_between(places, [speed.low for _, speed in points], [speed.high for _, speed in points],
                      color=color, alpha=0.2)  # fmt: skip
