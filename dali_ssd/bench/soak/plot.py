"""Draw memory and open files over the batches as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dali_ssd.bench.soak.run import Soaked
from dali_ssd.util.files import atomic_path
from dali_ssd.util.optional import require

__all__ = ["plot_soak"]

_BLUE, _ORANGE, _GRAY = "#2563eb", "#ea8a12", "#6b7280"


def plot_soak(result: Soaked, path: Path) -> None:
    """Draw the samples and replace the PNG at `path`."""
    figure = require("matplotlib.figure").Figure(figsize=(8, 4), layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    memory = figure.add_subplot()
    files: Any = memory.twinx()
    batches = [sample.batch for sample in result.samples]
    memory.plot(batches, [sample.memory for sample in result.samples], color=_BLUE)
    files.plot(batches, [sample.files for sample in result.samples], color=_ORANGE)
    if not result.not_measured:
        memory.axvline(result.config.settling, color=_GRAY, linewidth=0.8, linestyle=":")
    measured = result.not_measured or "growth is measured to the right of the dotted line"
    memory.set_xlabel(f"batches ({measured.replace('`', '')})")
    memory.set_ylabel("own memory, MB", color=_BLUE)
    files.set_ylabel("open files", color=_ORANGE)
    for axes, name in ((memory, "memory"), (files, "files")):
        axes.set_ylim(0, 1.2 * max(getattr(sample, name) for sample in result.samples))
        axes.spines["top"].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90)
