"""The two files of a check: all figures as JSON, and a page of Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from dali_ssd.bench.gpucheck.goals import goals
from dali_ssd.bench.gpucheck.session import GpuCheck
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.results.summary import Row, summarize
from dali_ssd.bench.results.table import each_device, format_number
from dali_ssd.machine.gpu import GpuReading
from dali_ssd.util.files import atomic_open
from dali_ssd.util.words import counted, number_runs, shortened

__all__ = ["COLUMNS", "NAMES", "page", "summary", "write_report"]

NAMES = ("gpu-check.json", "gpu-check.md")
"""The two files."""

_FORMAT = "dali-ssd gpu-check 2"
COLUMNS = {
    "devices": "numbers of the GPUs that were measured at once, a process each",
    "batch": "images per batch on each",
    "loader": "images/s of the loader, of all GPUs of the row",
    "of n x one": "the loader on several GPUs, over its mean speed on each alone times their number",
    "nvJPEG alone": "images/s of `decode`, of all GPUs of the row",
    "ratio": "the loader over nvJPEG alone",
    "host ms": "CPU time of the loader's process an image",
    "wall ms": "wall time an image on one GPU, 1000 / (images/s); the GPU's own time is at most this, and not measured",
    "kernels ms": "estimate of the part of it in which a kernel ran, by *SM %*; the hardware JPEG decoder is no kernel",
    "SM %": "share of the time in which a kernel ran, by `nvidia-smi`; a GPU that is split (MIG) has none",
    "video decoder %": "likewise of the video decoder; only newer drivers tell",
    "JPEG decoder %": "likewise of the hardware JPEG decoder; only newer drivers tell",
    "memory MB": "in use on the fullest GPU of the row, by all processes, in 2^20 bytes",
}
"""The columns of the tables of measurements, with their meanings; docs/gpu-check.md has the same."""
_READINGS = ("SM %", "video decoder %", "JPEG decoder %", "memory MB")


def write_report(found: GpuCheck, folder: Path) -> None:
    """Write both files into `folder`, each whole or not at all."""
    record, text = (folder / name for name in NAMES)
    rows = {shape: [asdict(row) for row in summarize(runs)] for shape, runs in found.runs.items()}
    reached = [asdict(goal) for goal in goals(found.runs, found.numbers)]
    with atomic_open(record, "w") as file:
        fields = {"format": _FORMAT, **asdict(found), "goals": reached, "summary": rows, "failures": found.failures}
        json.dump(fields, file, indent=1)
        file.write("\n")
    with atomic_open(text, "w") as file:
        file.write(page(found))


def page(found: GpuCheck) -> str:
    """Return the page."""
    parts = [
        "# GPU check of dali_ssd",
        f"**{_verdict(found)}**",
        *(f"Note: {note}." for note in found.before.notes),
        _setting(found),
        "## Devices",
        _devices(found),
        "## Goals",
        _table(
            ("goal", "state", "figure"), ((one.text, one.state, one.figure) for one in goals(found.runs, found.numbers))
        ),
        "## Checks",
        _checks(found),
    ]
    for shape, runs in found.runs.items():
        parts += [f"## SSD{shape}", _measured(summarize(runs))]
    parts += ["## Columns", _table(("column", "what it is"), COLUMNS.items()), *_placements(found)]
    if found.failures:
        parts += ["## Failures", "\n".join(f"- {line}" for line in found.failures)]
    return "\n\n".join(parts) + "\n"


def summary(found: GpuCheck) -> str:
    """Return the verdict, the goals and the failures as lines for a terminal."""
    reached = goals(found.runs, found.numbers)
    lines = [_verdict(found), *(f"note: {note}" for note in found.before.notes)]
    lines += [f"{one.state}: {one.text}{f' ({one.figure})' if one.figure else ''}" for one in reached]
    return "\n".join([*lines, *map(shortened, found.failures)])


def _verdict(found: GpuCheck) -> str:
    results = [one.state for one in found.checks]
    states = [one.state for one in goals(found.runs, found.numbers)]
    parts = [f"{results.count('passed')} of {counted(len(results), 'check')} passed"]
    parts += [f"{results.count('not checked')} not made"] if "not checked" in results else []
    parts += [f"{counted(states.count(state), 'goal')} {state}" for state in ("met", "not met", "not measured")]
    return f"{', '.join(parts)}." + (" It ended early; see the failures." if found.ended else "")


def _setting(found: GpuCheck) -> str:
    machine, data = found.machine, found.data
    rows = [
        ("date", found.date),
        ("command", f"`{' '.join(found.command)}`"),
        ("host", f"{machine.cpu}, {counted(machine.cores, 'core')}, {machine.memory_gb:.0f} GB; {machine.system}"),
        ("load before", f"{machine.load:.1f}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
        ("records", f"{counted(data.records, 'record')} of about {data.mean_width:.0f} x {data.mean_height:.0f} px, "
         f"{data.mean_kilobytes:.0f} KB and {data.mean_objects:.1f} objects"),
    ]  # fmt: skip
    return _table(("", ""), rows)


def _devices(found: GpuCheck) -> str:
    threads = ", ".join(map(str, found.threads))
    titles = ("number", "name", "UUID", "cores", "threads", "utilization before", "memory before, MB")
    return _table(
        titles, [_device(device, threads, found.before.readings.get(str(device))) for device in found.devices]
    )


def _device(device: Device, threads: str, reading: GpuReading | None) -> list[str]:
    name = str(device.gpu) if device.gpu else "part of a CPU, which says nothing about a GPU"
    cells = [str(device.number), name, device.gpu.uuid if device.gpu else "", number_runs(device.cores), threads]
    if not device.gpu:
        return [*cells, "", ""]
    before = (reading.utilization, reading.memory_mb) if reading else (None, None)
    return cells + ["no reading" if value is None else f"{value:,.0f}" for value in before]


def _checks(found: GpuCheck) -> str:
    titles = ("device", "check", "result", "farthest, levels", "mean, levels", "beyond the limit", "what ran where")
    rows = [
        (one.device, one.name, one.state, _cell(one.farthest), _cell(one.mean), _share(one.share), one.placement)
        for one in found.checks
    ]
    return _table(titles, rows)


def _measured(rows: Sequence[Row]) -> str:
    """Return a row for each setting of the loader, with the decoder's beside it."""
    if not rows:
        return "Not measured."
    limits = {_setting_of(row): row for row in rows if row.trial.contender == "decode"}
    mine = [row for row in rows if row.trial.contender == "dali_ssd"]
    told = [name for name, cells in zip(_READINGS, zip(*map(_readings, mine), strict=True), strict=False) if any(cells)]
    lines = []
    for row in mine:
        readings = dict(zip(_READINGS, _readings(row), strict=True))
        lines.append((*_figures(row, limits.get(_setting_of(row))), *(readings[name] for name in told)))
    each = [f"- batch {row.trial.batch_size}: {each_device(row)}" for row in mine if row.each]
    parts = [_table([title for title in COLUMNS if title in told or title not in _READINGS], lines)]
    parts += [f"- {row.trial}: {note}" for row in rows for note in row.notes]
    return "\n\n".join([*parts, "The loader on each device of several, images/s:", "\n".join(each)] if each else parts)


def _setting_of(row: Row) -> tuple[object, ...]:
    return row.trial.devices, row.trial.threads, row.trial.batch_size


def _figures(row: Row, limit: Row | None) -> list[str]:
    cells = [number_runs(row.trial.devices), str(row.trial.batch_size)]
    alone = limit.speed.median if limit and limit.speed else None
    if row.speed is None:
        return [*cells, "failed", "", _cell(alone), "", "", "", ""]
    speed, count = row.speed.median, len(row.trial.devices)
    wall_ms = 1000 * count / speed
    kernels_ms = None if row.gpu_utilization is None else wall_ms * row.gpu_utilization / 100
    # The decoder's row has the ratio of each round: the loader over it.
    ratio = limit.ratio.median if limit and limit.ratio else None
    numbers = [speed, row.scaling.median if row.scaling else None, alone, ratio]
    return cells + [_cell(value) for value in (*numbers, row.cpu_ms_per_image, wall_ms, kernels_ms)]


def _readings(row: Row) -> list[str]:
    return [_cell(value) for value in (row.gpu_utilization, row.gpu_decoder, row.gpu_jpeg, row.gpu_memory_mb)]


def _placements(found: GpuCheck) -> list[str]:
    texts = {row.placement for runs in found.runs.values() for row in summarize(runs) if row.placement}
    return [f"What ran where: {text}." for text in sorted(texts)]


def _cell(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3%}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
