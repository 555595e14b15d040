"""Print the results: a table on a terminal, and plain columns elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from dali_ssd.bench.contenders import CONTENDERS
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.steps import STEPS, StepCost, step_costs
from dali_ssd.bench.results.summary import REFERENCE, Row, Spread, summarize
from dali_ssd.util.words import counted

__all__ = ["each_device", "format_number", "print_record"]

_WIDTH = 180
"""Width of the table in characters if the output is not a terminal."""


def print_record(record: BenchResult, stream: TextIO) -> None:
    """Print the setting, the table, and what the contenders are, to `stream`."""
    console = Console(file=stream, width=None if stream.isatty() else _WIDTH, highlight=False)
    for line in _setting(record):
        console.print(line, markup=False, soft_wrap=True)
    table = _new_table(plain=not stream.isatty())
    if record.task == "steps":
        notes = _fill_steps(table, step_costs(record.runs))
    else:
        notes = _fill(table, summarize(record.runs))
    console.print(table)
    for line in notes:
        console.print(line, markup=False, soft_wrap=True)


def format_number(value: float) -> str:
    """Format a number with three significant digits, and three decimals at most."""
    if value >= 1000:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    for limit, digits in ((100, 0), (10, 1), (0.1, 2)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def each_device(row: Row) -> str:
    """Return the images/s of each of several devices with their numbers; empty for one device."""
    pairs = zip(row.trial.devices, row.each, strict=True) if row.each else ()
    return ", ".join(f"{number}: {format_number(speed)}" for number, speed in pairs)


def _notes(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(row.trial.contender for row in rows)
    notes = [f"{name}: {CONTENDERS[name]}" for name in names if name in CONTENDERS]
    placements = {row.trial.contender: row.placement for row in rows if row.placement}
    notes += [f"{name} runs: {text}" for name, text in placements.items()]
    notes += [f"each device, images/s: {row.trial}: {each_device(row)}" for row in rows if row.each]
    failures = [f"failed: {row.trial}: {row.error}" for row in rows if row.error]
    return notes + failures


def _setting(record: BenchResult) -> list[str]:
    data, machine = record.data, record.machine
    gpus = f", {'; '.join(machine.gpus)}" if machine.gpus else ""
    cores = counted(machine.cores, "core")
    return [
        f"{record.task} at {record.data_shape} px on the {record.device}, {counted(data.records, 'record')} of about "
        f"{data.mean_width:.0f} x {data.mean_height:.0f} px with {data.mean_objects:.1f} objects",
        f"{machine.cpu}, {cores}, {machine.memory_gb:.0f} GB{gpus}; load before: {machine.load:.1f}",
        ", ".join(f"{name} {version.partition(' (')[0]}" for name, version in record.versions.items()),
    ]


def _new_table(plain: bool) -> Table:
    return Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD)


def _fill(table: Table, rows: Sequence[Row]) -> list[str]:
    """Fill the table with the contenders and return the lines below it."""
    _add_columns(table, "contender", _titles(rows))
    for row in rows:
        table.add_row(row.trial.contender, *_cells(row, rows))
    return _notes(rows)


def _fill_steps(table: Table, steps: Sequence[StepCost]) -> list[str]:
    """Fill the table with the steps of the pipeline and return the lines below it."""
    titles = ["batch", "CPU ms/image", "low - high", "with all before", "CPU ms/batch so far", "images/s up to here"]
    _add_columns(table, "step", titles)
    for step in steps:
        of_batch = format_number(step.total.median * step.batch_size) if step.total else ""
        total, speed = (format_number(spread.median) if spread else "" for spread in (step.total, step.speed))
        cost = _spread(step.cost) if step.cost else ["failed", ""]
        table.add_row(step.step, str(step.batch_size), *cost, total, of_batch, speed)
    notes = [f"{step}: {STEPS[step]}" for step in dict.fromkeys(step.step for step in steps)]
    return notes + [f"failed: {step.step}: {step.error}" for step in steps if step.error]


def _add_columns(table: Table, first: str, titles: Sequence[str]) -> None:
    table.add_column(first, no_wrap=True)
    for title in titles:
        table.add_column(title, justify="right")


def _gpu(rows: Sequence[Row]) -> bool:
    return any(row.gpu_utilization is not None for row in rows)


def _several(rows: Sequence[Row]) -> bool:
    return any(len(row.trial.devices) > 1 for row in rows)


def _titles(rows: Sequence[Row]) -> list[str]:
    titles = [*(["devices"] if _several(rows) else []), "threads", "batch", "images/s", "low - high"]
    titles += [*(["of n x one"] if _several(rows) else []), f"{REFERENCE} is", "low - high", "CPU ms/image"]
    titles += ["cores busy", "peak MB", "first batch s"]
    return titles + (["GPU %", "GPU MB"] if _gpu(rows) else [])


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    cells = [",".join(map(str, row.trial.devices))] if _several(rows) else []
    cells += [str(row.trial.threads), str(row.trial.batch_size)]
    if row.speed is None:
        return [*cells, "failed"]
    cells += _spread(row.speed)
    cells += [format_number(row.scaling.median) if row.scaling else ""] if _several(rows) else []
    cells += ["", ""] if row.trial.contender == REFERENCE else _spread(row.ratio, "x")
    values = [row.cpu_ms_per_image, row.cores, row.peak_memory_mb, row.startup_s]
    values += [row.gpu_utilization, row.gpu_memory_mb] if _gpu(rows) else []
    return cells + ["" if value is None else format_number(value) for value in values]


def _spread(spread: Spread | None, unit: str = "") -> list[str]:
    if spread is None:
        return ["", ""]
    return [format_number(spread.median) + unit, f"{format_number(spread.low)} - {format_number(spread.high)}"]
