"""The two files of a check: all figures as JSON, and a page of Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from dali_ssd.bench.gpucheck.goals import goals
from dali_ssd.bench.gpucheck.session import GpuCheck
from dali_ssd.bench.results.summary import Row, summarize
from dali_ssd.bench.results.table import each_device, format_number
from dali_ssd.util.files import atomic_open
from dali_ssd.util.words import counted

__all__ = ["NAMES", "page", "write_report"]

NAMES = ("gpu-check.json", "gpu-check.md")
"""The two files."""

_FORMAT = "dali-ssd gpu-check 1"
_COLUMNS = ("devices", "batch", "loader", "of n x one", "nvJPEG alone", "ratio", "host ms", "device ms", "kernels ms")
_READINGS = ("SM %", "video decoder %", "JPEG decoder %", "memory MB")
_LEGEND = """\
*loader*, *nvJPEG alone*: images/s of all devices of the row, `dali_ssd` and `decode` of `dali-ssd bench`. *of n x one*:
the loader on several devices over its mean speed on each alone times their number. *ratio*: the loader over nvJPEG
alone. The other columns are the loader's. *host ms*: milliseconds of CPU time an image. *device ms*: wall time an image
on one device, which the device worked all through only if it never waited for the host. *kernels ms*: the part of it
in which a kernel ran, by `nvidia-smi`'s utilization; the hardware decoder is no kernel. Memory is that in use by all
processes, on the fullest GPU of the row, in 2^20 bytes. Readings that the driver does not give are left out."""


def write_report(found: GpuCheck, folder: Path) -> None:
    """Write both files into `folder`, each whole or not at all."""
    record, text = (folder / name for name in NAMES)
    summary = {shape: [asdict(row) for row in summarize(runs)] for shape, runs in found.runs.items()}
    reached = [asdict(goal) for goal in goals(found.runs, found.devices)]
    with atomic_open(record, "w") as file:
        fields = {"format": _FORMAT, **asdict(found), "goals": reached, "summary": summary, "failures": found.failures}
        json.dump(fields, file, indent=1)
        file.write("\n")
    with atomic_open(text, "w") as file:
        file.write(page(found))


def page(found: GpuCheck) -> str:
    """Return the page."""
    parts = [
        "# GPU check of dali_ssd",
        _verdict(found),
        _setting(found),
        "## Goals",
        _table(
            ("goal", "state", "figure"), ((one.text, one.state, one.figure) for one in goals(found.runs, found.devices))
        ),
        "## Checks",
        _checks(found),
    ]
    for shape, runs in found.runs.items():
        parts += [f"## SSD{shape}", _measured(summarize(runs))]
    parts += [_LEGEND, *_placements(found)]
    if found.failures:
        parts += ["## Failures", "\n".join(f"- {line}" for line in found.failures)]
    return "\n\n".join(parts) + "\n"


def _verdict(found: GpuCheck) -> str:
    passed = sum(not one.problem for one in found.checks)
    states = [one.state for one in goals(found.runs, found.devices)]
    parts = [f"{passed} of {counted(len(found.checks), 'check')} passed"]
    parts += [f"{counted(states.count(state), 'goal')} {state}" for state in ("met", "not met", "not measured")]
    return f"**{', '.join(parts)}.**" + (" It ended early; see the failures." if found.ended else "")


def _setting(found: GpuCheck) -> str:
    machine, data = found.machine, found.data
    rows = [
        ("date", found.date),
        ("command", f"`{' '.join(found.command)}`"),
        ("GPUs", "; ".join(machine.gpus) or "none: these figures are of a CPU and say nothing about one"),
        ("host", f"{machine.cpu}, {counted(machine.cores, 'core')}, {machine.memory_gb:.0f} GB; {machine.system}"),
        ("load before", f"{machine.load:.1f}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
        ("records", f"{counted(data.records, 'record')} of about {data.mean_width:.0f} x {data.mean_height:.0f} px, "
         f"{data.mean_kilobytes:.0f} KB and {data.mean_objects:.1f} objects"),
    ]  # fmt: skip
    return _table(("", ""), rows)


def _checks(found: GpuCheck) -> str:
    rows = [
        (one.device, one.name, one.problem or "passed", _cell(one.farthest), _cell(one.mean), _share(one.share))
        for one in found.checks
    ]
    return _table(("device", "check", "result", "farthest, levels", "mean, levels", "beyond the limit"), rows)


def _measured(rows: Sequence[Row]) -> str:
    """Return a row for each setting of the loader, with the decoder's beside it."""
    limits = {_setting_of(row): row for row in rows if row.trial.contender == "decode"}
    mine = [row for row in rows if row.trial.contender == "dali_ssd"]
    told = [name for name, cells in zip(_READINGS, zip(*map(_readings, mine), strict=True), strict=False) if any(cells)]
    lines = []
    for row in mine:
        readings = dict(zip(_READINGS, _readings(row), strict=True))
        lines.append((*_figures(row, limits.get(_setting_of(row))), *(readings[name] for name in told)))
    each = [f"- batch {row.trial.batch_size}: {each_device(row)}" for row in mine if row.each]
    parts = [_table((*_COLUMNS, *told), lines)]
    return "\n\n".join([*parts, "The loader on each device of several, images/s:", "\n".join(each)] if each else parts)


def _setting_of(row: Row) -> tuple[object, ...]:
    return row.trial.devices, row.trial.threads, row.trial.batch_size


def _figures(row: Row, limit: Row | None) -> list[str]:
    cells = [", ".join(map(str, row.trial.devices)), str(row.trial.batch_size)]
    alone = limit.speed.median if limit and limit.speed else None
    if row.speed is None:
        return [*cells, "failed", "", _cell(alone), "", "", "", ""]
    speed, count = row.speed.median, len(row.trial.devices)
    device_ms = 1000 * count / speed
    kernels_ms = None if row.gpu_utilization is None else device_ms * row.gpu_utilization / 100
    # The decoder's row has the ratio of each round: the loader over it.
    ratio = limit.ratio.median if limit and limit.ratio else None
    numbers = [speed, row.scaling.median if row.scaling else None, alone, ratio]
    return cells + [_cell(value) for value in (*numbers, row.cpu_ms_per_image, device_ms, kernels_ms)]


def _readings(row: Row) -> list[str]:
    return [_cell(value) for value in (row.gpu_utilization, row.gpu_decoder, row.gpu_jpeg, row.gpu_memory_mb)]


def _placements(found: GpuCheck) -> list[str]:
    texts = {row.placement for runs in found.runs.values() for row in summarize(runs) if row.placement}
    return [f"What runs where: {text}." for text in sorted(texts)]


def _cell(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3%}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
