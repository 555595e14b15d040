"""The training curve as PNG: both losses and the mean average precision by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from dali_ssd.reporting.history import Entry
from dali_ssd.util.files import atomic_path
from dali_ssd.util.optional import require
from dali_ssd.visualize.lettering import for_matplotlib

__all__ = ["plot_history"]

_BLUE, _ORANGE, _GREEN, _GRAY = "#2563eb", "#ea8a12", "#15803d", "#6b7280"


def plot_history(entries: Sequence[Entry], path: Path, title: str = "") -> None:
    """Draw the entries of a training run and replace the PNG at `path`."""
    figure = require("matplotlib.figure").Figure(figsize=(9, 5), layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    losses = figure.add_subplot()
    _draw_losses(losses, entries)
    lines, labels = losses.get_legend_handles_labels()
    scored = [entry for entry in entries if entry["kind"] == "epoch" and entry.get("map") is not None]
    if scored:
        more_lines, more_labels = _draw_map(losses.twinx(), scored)
        lines, labels = lines + more_lines, labels + more_labels
    _draw_decays(losses, entries)
    text, families = for_matplotlib(title)
    losses.set_title(text, loc="left", fontsize=11, fontfamily=families)
    if lines:
        losses.legend(lines, labels, loc="upper center", ncol=3, frameon=False, bbox_to_anchor=(0.5, -0.1))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _draw_losses(axes: Any, entries: Sequence[Entry]) -> None:
    epochs = [entry for entry in entries if entry["kind"] == "epoch"]
    # An epoch's mean stands at the epoch's end.
    x = [entry["epoch"] + 1 for entry in epochs]
    axes.plot(x, [_value(entry, "cross_entropy") for entry in epochs], color=_BLUE, label="cross entropy")
    axes.plot(x, [_value(entry, "smooth_l1") for entry in epochs], color=_ORANGE, label="smooth L1")
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("loss per positive anchor")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_map(axes: Any, scored: Sequence[Entry]) -> tuple[list[Any], list[str]]:
    x = [entry["epoch"] + 1 for entry in scored]
    axes.plot(x, [entry["map"] for entry in scored], color=_GREEN, marker="o", markersize=3.5, label="mAP (VOC07)")
    best = max(scored, key=lambda entry: entry["map"])
    axes.annotate(
        f"{best['map']:.3f}", (best["epoch"] + 1, best["map"]), xytext=(0, 6), textcoords="offset points",
        ha="center", fontsize=9, color=_GREEN,
    )  # fmt: skip
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("mAP", color=_GREEN)
    axes.spines["top"].set_visible(False)
    lines, labels = axes.get_legend_handles_labels()
    return list(lines), list(labels)


def _draw_decays(axes: Any, entries: Sequence[Entry]) -> None:
    """Mark where the learning rate changed."""
    epochs = [entry for entry in entries if entry["kind"] == "epoch"]
    for before, after in pairwise(epochs):
        if after["lr"] != before["lr"]:
            axes.axvline(after["epoch"], color=_GRAY, linewidth=0.8, linestyle=":")
            axes.annotate(
                f"lr {after['lr']:g}", (after["epoch"], 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
                textcoords="offset points", va="top", fontsize=8, color=_GRAY,
            )  # fmt: skip


def _value(entry: Entry, name: str) -> float:
    value = entry.get(name)
    return float("nan") if value is None else float(value)
