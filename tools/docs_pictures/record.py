"""Pictures of one record: its boxes, windows drawn on it, what of it is decoded, and views of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from dali_ssd.config import AugmentConfig, RenderConfig
from dali_ssd.graph.plan import training_kernel
from dali_ssd.graph.render import render_kernel
from dali_ssd.kernels.plan import COUNT, MIRROR, WINDOW, training_settings
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import expand_paths, open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.visualize.grid import Tile, pixels_of
from dali_ssd.visualize.samples import augmented_images
from dali_ssd.visualize.tiles import stored_tiles
from tools.docs_pictures.paper import INK, hexadecimal, outline, sheet, show
from tools.docs_pictures.scene import CLASSES

__all__ = ["View", "boxes", "colors", "decoded", "views", "views_of", "windows"]

_IMAGE = RenderConfig()
_WINDOWS = ("#d1495b", "#6a4c93", "#b5651d")


@dataclass(frozen=True)
class View:
    """What the kernels made of a record for one seed."""

    window: NDArray[np.float32]
    """x0 y0 x1 y1, source pixels."""
    region: NDArray[np.int32]
    """y x height width: the part of the image that is decoded."""
    mirrored: bool
    objects: NDArray[np.float32]
    """(n, 5): xmin ymin xmax ymax id, network pixels."""
    pixels: NDArray[np.uint8]
    """(S, S, 3): the network's input as an image."""


def views_of(shard: Path, seeds: int) -> tuple[Tile, list[View]]:
    """Return the first record as it is stored, and a view of it for each of so many seeds."""
    dataset = open_dataset(expand_paths(str(shard)))
    (stored,) = stored_tiles(dataset, [0])
    label = dataset.read(0)[0].label
    parse_label(label, dataset.place(0))  # refuses one that the kernel would skip
    settings = training_settings(AugmentConfig(), _IMAGE, "fraction")
    shape, layout = np.array(stored.image.shape), np.zeros((3, _IMAGE.data_shape), np.uint8)
    made = []
    for seed in range(seeds):
        plan, region, objects = training_kernel().on_arrays(label, shape, np.array([seed, 1], np.uint32), settings)
        y, x, height, width = region
        part = np.ascontiguousarray(stored.image[y : y + height, x : x + width])
        (data,) = render_kernel().on_arrays(part, plan, region, layout)
        shown = objects[: int(plan[COUNT])]
        made.append(View(plan[WINDOW : WINDOW + 4], region, bool(plan[MIRROR]), shown, pixels_of(data, _IMAGE)))
    return stored, made


def boxes(shard: Path) -> Figure:
    """Draw the record as it is stored, with its boxes."""
    stored, _ = views_of(shard, 0)
    figure, (panel,) = sheet(1, 1, 5.6)
    show(panel, stored.image)
    _name_boxes(panel, stored.boxes, stored.class_ids)
    return figure


def windows(shard: Path) -> Figure:
    """Draw a window inside of the image, one on a small canvas and one on a large one, and the views through them."""
    stored, made = views_of(shard, 300)
    height, width = stored.image.shape[:2]
    inside = next(view for view in made if _share(view) > 0.99 and _side(view, stored) < 0.7 and len(view.objects) > 2)
    wider = next(view for view in made if 1.3 < _side(view, stored) < 1.5 and not view.mirrored)
    widest = next(view for view in made if 1.8 < _side(view, stored) < 2.2 and view.mirrored)
    figure = sheet(1, 1, 8.2)[0]
    figure.clear()
    grid = figure.add_gridspec(2, 3, height_ratios=(1.75, 1))
    plan = figure.add_subplot(grid[0, :])
    show(plan, stored.image)
    for number, (view, color) in enumerate(zip((inside, wider, widest), _WINDOWS, strict=True), 1):
        outline(plan, view.window, color, f" {number} ", linewidth=3)
        panel = figure.add_subplot(grid[1, number - 1])
        show(panel, view.pixels, f"{number}, mirrored" if view.mirrored else f"{number}")
        _name_boxes(panel, view.objects[:, :4], view.objects[:, 4], names=False)
        panel.axis("off")
    corners = np.array([view.window for view in (inside, wider, widest)])
    low, high = np.minimum(corners[:, :2].min(0), 0), np.maximum(corners[:, 2:].max(0), (width, height))
    plan.set(xlim=(low[0] - 12, high[0] + 12), ylim=(high[1] + 12, low[1] - 40))
    plan.axis("off")
    mean = tuple(np.array(_IMAGE.mean).clip(0, 1))
    plan.add_patch(Rectangle(low, *(high - low), facecolor=mean, edgecolor="none", zorder=-1))
    return figure


def decoded(shard: Path) -> Figure:
    """Draw what of the image is decoded for a window that reaches outside, and what becomes of it."""
    stored, made = views_of(shard, 300)
    height, width = stored.image.shape[:2]
    view = next(view for view in made if _cuts_a_corner(view, height * width))
    y, x, rows, columns = view.region
    figure, (first, second) = sheet(1, 2, 4.1, width_ratios=(1.45, 1))
    pale = (stored.image * 0.25 + 255 * 0.7).astype(np.uint8)
    pale[y : y + rows, x : x + columns] = stored.image[y : y + rows, x : x + columns]
    show(first, pale, f"decoded: {columns} x {rows} of {width} x {height}")
    outline(first, view.window, INK, linestyle="--", linewidth=2)
    low, high = np.minimum(view.window[:2], 0) - 6, np.maximum(view.window[2:], (width, height)) + 6
    first.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))
    show(second, view.pixels, f"the input, {_IMAGE.data_shape} x {_IMAGE.data_shape}")
    _name_boxes(second, view.objects[:, :4], view.objects[:, 4])
    return figure


def views(shard: Path) -> Figure:
    """Draw the first views of the record that a training run would see."""
    return _grid(augmented_images([shard], find_recipe(), 8, seed=1))


def colors(shard: Path) -> Figure:
    """Draw the record with changes of color alone."""
    still = AugmentConfig(expand_probability=0, mirror_probability=0, crop_min_iou=(), interpolations=("area",))
    return _grid(augmented_images([shard], find_recipe(augment=still), 4))


def _grid(tiles: list[Tile]) -> Figure:
    rows = len(tiles) // 4
    figure, panels = sheet(rows, 4, 2.05 * rows)
    for panel, tile in zip(panels, tiles, strict=True):
        show(panel, tile.image)
        _name_boxes(panel, tile.boxes, tile.class_ids, names=False)
    return figure


def _cuts_a_corner(view: View, area: int) -> bool:
    """Return whether a view shows some objects, some of what is around the image, and about half of the image."""
    shown = float(view.region[2] * view.region[3]) / area
    return len(view.objects) > 1 and 0.5 < _share(view) < 0.9 and 0.3 < shown < 0.7 and float(view.pixels.mean()) < 160


def _share(view: View) -> float:
    """Return the share of the window that shows the image."""
    sides = view.window[2:] - view.window[:2]
    return float(view.region[2] * view.region[3] / sides.prod())


def _side(view: View, stored: Tile) -> float:
    """Return the window's width over the image's."""
    return float((view.window[2] - view.window[0]) / stored.image.shape[1])


def _name_boxes(panel: Any, corners: NDArray[Any], class_ids: NDArray[Any], *, names: bool = True) -> None:
    for box, class_id in zip(corners, class_ids, strict=True):
        outline(panel, box, hexadecimal(int(class_id)), CLASSES[int(class_id)] if names else "")
