"""Print the results: tables that fit the terminal, and in plain characters and 80 columns elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from dali_ssd.bench.contenders import CONTENDERS
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.steps import STEPS, StepCost, step_costs
from dali_ssd.bench.results.summary import REFERENCE, Row, Spread, summarize
from dali_ssd.util.words import counted, number_runs

__all__ = ["Column", "console_of", "each_device", "format_number", "make_table", "named_gpus", "print_record"]

_WIDTH = 80
"""Width of the tables in characters if the output is not a terminal."""
_GAP = 2
"""Characters between two columns."""
_PLAIN = box.Box("    \n    \n -  \n    \n    \n    \n    \n    \n", ascii=True)
Column = tuple[str, list[str]]
"""Title, with line breaks, and cells."""


def print_record(record: BenchResult, stream: TextIO) -> None:
    """Print the setting, the tables, and what the contenders are, to `stream`."""
    console = console_of(stream)
    if record.task == "steps":
        costs = step_costs(record.runs)
        above, keys, values, notes = _setting(record), _step_keys(costs), _step_values(costs), _step_notes(costs)
    else:
        rows = summarize(record.runs)
        above, keys, values, notes = [*_setting(record), *_same(rows)], _keys(rows), _values(rows), _notes(rows)
    for line in above:
        console.print(line, markup=False, soft_wrap=True)
    for columns in _parts(keys, values, console.width):
        console.print()
        console.print(make_table(columns, len(keys), plain=not stream.isatty()))
    console.print()
    for line in notes:
        console.print(line, markup=False, soft_wrap=True)


def console_of(stream: TextIO) -> Console:
    """Return a console that is as wide as the terminal, or 80 columns if `stream` is none."""
    return Console(file=stream, width=None if stream.isatty() else _WIDTH, highlight=False)


def make_table(columns: Sequence[Column], keys: int, plain: bool) -> Table:
    """Return a table, of plain characters if wanted; the first of several `keys` columns is aligned to the left."""
    table = Table(box=_PLAIN if plain else box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for place, (title, _) in enumerate(columns):
        table.add_column(title, justify="left" if place < min(keys, 1) else "right", no_wrap=True)
    for cells in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*cells)
    return table


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


def named_gpus(names: Sequence[str]) -> str:
    """Return the names of GPUs, equal ones once with their number."""
    return "; ".join(name if count == 1 else f"{count} x {name}" for name, count in Counter(names).items())


def _parts(keys: list[Column], values: Sequence[list[Column]], width: int) -> list[list[Column]]:
    """Return the columns of as few tables as the width lets: each has the keys and some values, evenly dealt out."""
    room = width - sum(map(_width, keys))
    fewest = len(_dealt(values, room))
    even = next((some for some in range(room) if len(_dealt(values, some)) == fewest), room)
    return [keys + part for part in _dealt(values, even)]


def _dealt(values: Sequence[list[Column]], room: int) -> list[list[Column]]:
    """Deal the values out to tables with so much room, in their order; what is too wide has one to itself."""
    parts: list[list[Column]] = [[]]
    for columns in values:
        if parts[-1] and sum(map(_width, parts[-1] + columns)) > room:
            parts.append([])
        parts[-1] += columns
    return parts


def _width(column: Column) -> int:
    title, cells = column
    return max(map(len, [*title.splitlines(), *cells])) + _GAP


def _notes(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(row.trial.contender for row in rows)
    notes = [f"{name}: {CONTENDERS[name]}" for name in names if name in CONTENDERS]
    placements = dict.fromkeys((row.trial.contender, row.placement) for row in rows if row.placement)
    notes += [f"{name} runs: {text}" for name, text in placements]
    notes += [f"each device, images/s: {row.trial}: {each_device(row)}" for row in rows if row.each]
    notes += [f"note: {row.trial}: {note}" for row in rows for note in row.notes]
    return notes + [f"failed: {row.trial}: {row.error}" for row in rows if row.error]


def _setting(record: BenchResult) -> list[str]:
    data, machine = record.data, record.machine
    gpus = f", {named_gpus(machine.gpus)}" if machine.gpus else ""
    cores = counted(machine.cores, "core")
    return [
        f"{record.task} at {record.data_shape} px on the {record.device}, {counted(data.records, 'record')} of about "
        f"{data.mean_width:.0f} x {data.mean_height:.0f} px with {data.mean_objects:.1f} objects",
        f"{machine.cpu}, {cores}, {machine.memory_gb:.0f} GB{gpus}; load before: {machine.load:.1f}",
        ", ".join(f"{name} {version.partition(' (')[0]}" for name, version in record.versions.items()),
        *(f"note: {note}" for note in record.before.notes),
    ]


def _keys(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that tell the rows apart."""
    several = [(title, cells) for title, cells in _settings(rows).items() if len({*cells}) > 1]
    return [("contender", [row.trial.contender for row in rows]), *several]


def _same(rows: Sequence[Row]) -> list[str]:
    """Return in words the settings that all rows have; being on the first device alone is not worth a word."""
    same = {title: cells[0] for title, cells in _settings(rows).items() if len({*cells}) == 1}
    words = [f"{title}: {cell}" for title, cell in same.items() if (title, cell) != ("devices", "0")]
    return ["; ".join(words)] if words else []


def _settings(rows: Sequence[Row]) -> dict[str, list[str]]:
    return {
        "devices": [number_runs(row.trial.devices) for row in rows],
        "threads": [str(row.trial.threads) for row in rows],
        "batch": [str(row.trial.batch_size) for row in rows],
    }


def _values(rows: Sequence[Row]) -> list[list[Column]]:
    """Return the columns of figures, in groups that stay together.

    Those that no row has are left out, but for those of speed.
    """
    speed = [_spread(row.speed) if row.speed else ["failed", ""] for row in rows]
    ratio = [["", ""] if row.trial.contender == REFERENCE else _spread(row.ratio, "x") for row in rows]
    columns: list[list[Column]] = [
        [("of n\nx one", [format_number(row.scaling.median) if row.scaling else "" for row in rows])],
        [(f"{REFERENCE}\nis", [median for median, _ in ratio]), ("low - high", [ends for _, ends in ratio])],
    ]
    fields = {
        "CPU ms\n/image": "cpu_ms_per_image",
        "cores\nbusy": "cores",
        "peak\nMB": "peak_memory_mb",
        "first\nbatch s": "startup_s",
        "GPU\n%": "gpu_utilization",
        "GPU\nMB": "gpu_memory_mb",
    }
    for title, name in fields.items():
        figures = [getattr(row, name) for row in rows]
        columns.append([(title, ["" if it is None else format_number(it) for it in figures])])
    shown = [group for group in columns if any(group[0][1])]
    return [[("images/s", [median for median, _ in speed]), ("low - high", [ends for _, ends in speed])], *shown]


def _step_keys(steps: Sequence[StepCost]) -> list[Column]:
    return [("step", [step.step for step in steps]), ("batch", [str(step.batch_size) for step in steps])]


def _step_values(steps: Sequence[StepCost]) -> list[list[Column]]:
    costs = [_spread(step.cost) if step.cost else ["failed", ""] for step in steps]
    of_batch = [format_number(step.total.median * step.batch_size) if step.total else "" for step in steps]
    return [
        [("CPU ms\n/image", [median for median, _ in costs]), ("low - high", [ends for _, ends in costs])],
        [("with all\nbefore", [_spread(step.total)[0] for step in steps])],
        [("CPU ms/batch\nso far", of_batch)],
        [("images/s\nup to here", [_spread(step.speed)[0] for step in steps])],
    ]


def _step_notes(steps: Sequence[StepCost]) -> list[str]:
    notes = [f"{step}: {STEPS[step]}" for step in dict.fromkeys(step.step for step in steps)]
    return notes + [f"failed: {step.step}: {step.error}" for step in steps if step.error]


def _spread(spread: Spread | None, unit: str = "") -> list[str]:
    if spread is None:
        return ["", ""]
    return [format_number(spread.median) + unit, f"{format_number(spread.low)} - {format_number(spread.high)}"]
