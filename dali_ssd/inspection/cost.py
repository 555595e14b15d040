"""What decoding costs on this machine, measured with the decoder of training.

In a process of its own: an image that DALI crashes on must not end the report.
"""

from __future__ import annotations

import io
import logging
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.errors import DaliSsdError, WorkerError
from dali_ssd.inspection.contents import Contents
from dali_ssd.inspection.report import DecodeCost, Timed
from dali_ssd.loader.scheduling import many_progressive
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.recordio import read_record, unpack
from dali_ssd.util.host_pool import choose_host_pool
from dali_ssd.util.optional import require
from dali_ssd.util.parallel import ordered_map

__all__ = ["fitted_line", "measure_decoding", "predicted_ms"]

_log = logging.getLogger(__name__)

_IMAGES = 48
"""Images that are timed, evenly from the smallest to the largest."""
_COPIES, _RUNS = 4, 5
"""Copies of an image in a batch, so that what a run costs by itself hardly counts; and runs: the fastest counts."""
_PIXELS = 1 << 27
"""Larger images are not timed: four copies would take gigabytes."""


def measure_decoding(dataset: Dataset, contents: Contents) -> DecodeCost:
    """Measure the decoding of whole images on one core; without DALI, or if it fails, the result says why."""
    pixels = contents.sizes.prod(axis=1)
    order = np.argsort(pixels, kind="stable")
    order = order[pixels[order] <= _PIXELS]
    if not len(order):
        return DecodeCost(note="there is no image to decode")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(_IMAGES, len(order))).round().astype(int))]
    places = [dataset.place(int(contents.numbers[row])) for row in chosen]
    items = tuple(
        (str(place.shard), place.offset or 0, int(width), int(height))
        for place, (width, height) in zip(places, contents.sizes[chosen], strict=True)
    )
    try:
        require("nvidia.dali")
        (times,) = ordered_map(_time, [(items, many_progressive(float(contents.progressive.mean())))], 1, isolated=True)
    except WorkerError:
        return _unknown("DALI crashed; `dali-ssd check --decode` finds the images that it cannot decode")
    except DaliSsdError as error:
        return _unknown(str(error))
    rows = [
        Timed(float(contents.megapixels[row]), ms, bool(contents.progressive[row]), baseline)
        for row, (ms, baseline) in zip(chosen.tolist(), times, strict=True)
        if not math.isnan(ms)
    ]
    if not rows:
        return _unknown("none of the chosen images could be decoded")
    base, slope = fitted_line(np.array([(row.megapixels, row.ms) for row in rows]))
    mean = float(np.mean([row.ms for row in rows] if math.isnan(slope) else base + slope * contents.megapixels))
    return DecodeCost(tuple(rows), base, slope, mean, "" if len(rows) == len(chosen) else "some could not be decoded")


def predicted_ms(cost: DecodeCost, megapixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cost of images of so many megapixels (n,), in milliseconds."""
    return np.asarray(cost.base_ms + cost.ms_per_megapixel * megapixels)


def fitted_line(points: NDArray[np.float64]) -> tuple[float, float]:
    """Return intercept and slope, not negative, of the line of least squares through points (n, 2).

    NaN if all are at about the same place, which fits any slope.
    """
    x, y = points.T
    spread = float(x.var())
    if spread <= 1e-4 * x.mean() ** 2:
        return math.nan, math.nan
    slope = float(np.mean((x - x.mean()) * (y - y.mean()))) / spread
    slope = slope if slope > 0 and y.mean() >= slope * x.mean() else float((x * y).sum() / (x * x).sum())
    return max(float(y.mean() - slope * x.mean()), 0.0), slope


_Task = tuple[tuple[tuple[str, int, int, int], ...], bool]
"""Shard, byte offset, width and height of each image; whether many images are progressive JPEGs."""


def _unknown(why: str) -> DecodeCost:
    _log.warning("the cost of decoding was not measured: %s", why)
    return DecodeCost(note=why)


def _time(task: _Task) -> list[tuple[float, float]]:
    """Return milliseconds per image, and of a progressive JPEG as a baseline JPEG; NaN if it cannot be decoded.

    Only for a process of its own: its stderr is closed.
    """
    items, progressive = task
    choose_host_pool()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libjpeg writes a line about each damaged image at each decoding
    pipeline: Any = None
    found: list[tuple[float, float]] = []
    for shard, offset, width, height in items:
        _, data = unpack(read_record(Path(shard), offset))
        pipeline = _decoder(progressive) if pipeline is None else pipeline
        try:
            baseline = _as_baseline(data)
            ms = _fastest(pipeline, data, (height, width))
            found.append((ms, math.nan if baseline is None else _fastest(pipeline, baseline, (height, width))))
        except RuntimeError:  # a DALI pipeline ends with an image that it cannot decode
            pipeline = None
            found.append((math.nan, math.nan))
    return found


def _as_baseline(data: bytes) -> bytes | None:
    """Return a progressive JPEG as a baseline JPEG with the same tables; None for any other image, or a damaged one."""
    raster = read_raster(data)
    if raster is None or not raster.progressive:
        return None
    content = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.save(content, "JPEG", quality="keep", progressive=False)
    except (OSError, ValueError):  # what Pillow raises for what it cannot decode, or cannot keep
        return None
    return content.getvalue()


def _fastest(pipeline: Any, data: bytes, shape: Sequence[int]) -> float:
    encoded = [np.frombuffer(data, np.uint8)] * _COPIES
    regions = [np.array([0, 0, *shape], np.int32)] * _COPIES
    times = []
    for _ in range(_RUNS):
        begin = time.process_time()  # of all threads, so that other work on the machine hardly counts
        pipeline.feed_input("encoded", encoded)
        pipeline.feed_input("regions", regions)
        pipeline.run()
        times.append(1000 * (time.process_time() - begin) / _COPIES)
    return min(times)


def _decoder(progressive: bool) -> Any:
    dali = require("nvidia.dali")
    from nvidia.dali import fn

    from dali_ssd.graph.source import decode
    from dali_ssd.graph.where import Where

    pipeline = dali.Pipeline(_COPIES, 1, None, prefetch_queue_depth=1, exec_async=False, exec_pipelined=False)
    with pipeline:
        encoded, regions = (fn.external_source(name=name) for name in ("encoded", "regions"))
        pixels = decode(encoded, regions, where=Where(), upright=False, progressive=progressive)
        pipeline.set_outputs(pixels)
    pipeline.build()
    return pipeline
