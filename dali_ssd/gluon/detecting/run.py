"""Detections in image files and shards, in pixels of the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import PipelineConfig, RecordsConfig
from dali_ssd.errors import RecordLocation
from dali_ssd.gluon.detecting.inputs import Inputs
from dali_ssd.gluon.detecting.options import DetectConfig
from dali_ssd.gluon.detecting.packing import LeftOut, groups, packed
from dali_ssd.gluon.evaluate import detect
from dali_ssd.gluon.options import rendering_recipe
from dali_ssd.gluon.trained.choice import Choice
from dali_ssd.gluon.trained.network import load_network
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.loader import ValLoader
from dali_ssd.metrics.detections import Detections
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.recordio import read_record, unpack
from dali_ssd.util.progress import track

__all__ = ["Detector", "Seen"]


@dataclass(frozen=True)
class Seen:
    """The detections in one image, the best first."""

    file: Path | None
    """The image file; None for a record of a shard."""
    place: RecordLocation
    """The record; of a file, that of its temporary copy."""
    image: bytes
    """The image file."""
    size: tuple[int, int]
    """Width and height in pixels, of the upright image if `orientation` is 1."""
    orientation: int
    """EXIF orientation by which the image is turned before boxes are drawn on it, 1 to 8; 1: not at all."""
    boxes: NDArray[np.float64]
    """(n, 4) xmin ymin xmax ymax in pixels of the turned image."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32]
    """(n,)"""


class Detector:
    """A trained network with its devices, which finds objects.

    Raises ConfigError if there is no such network, CheckpointError if the parameters do not fit.
    """

    def __init__(self, config: DetectConfig, choice: Choice) -> None:
        self._config = config
        self.recipe = rendering_recipe(choice.input)
        self._devices = devices_of(config.gpus)
        self._net = load_network(choice, self._devices, self.recipe)

    def run(self, inputs: Inputs) -> Iterator[Seen | LeftOut]:
        """Yield what is found in each image, and which images cannot be read.

        First come the shards; of each group of image files, and of all shards, first what cannot be read.
        """
        if inputs.shards:
            yield from self._in_shards(inputs.shards)
        for files in groups(inputs.images):
            with packed(files) as some:
                yield from some.left_out
                if some.shard is None:
                    continue
                for seen in self._look(some.shard, upright=not self._config.stored, cache_dir=some.shard.parent):
                    assert seen.place.key is not None  # a record of an index
                    yield replace(seen, file=some.files[seen.place.key])

    def _in_shards(self, shards: Sequence[Path]) -> Iterator[Seen | LeftOut]:
        records = RecordsConfig(on_bad="skip", max_bad=1.0, coordinates=self._config.coordinates)
        with self._loader(shards, records=records) as loader:
            yield from (LeftOut(str(found.place), found.reason) for found in loader.bad_records)
            yield from self._see(loader, upright=False)

    def _look(self, shard: Path, *, upright: bool, cache_dir: Path) -> Iterator[Seen]:
        with self._loader(shard, upright=upright, cache_dir=cache_dir) as loader:
            yield from self._see(loader, upright)

    def _loader(self, shards: Any, **options: Any) -> ValLoader:
        config = self._config
        pipeline = PipelineConfig(
            batch_size=config.batch_size, num_threads=config.num_workers or "auto", plugin=config.plugin
        )
        return ValLoader(
            shards, recipe=self.recipe, ctx=self._devices, pipeline=pipeline, nvjpeg=config.nvjpeg, **options
        )

    def _see(self, loader: ValLoader, upright: bool) -> Iterator[Seen]:
        for batch in track(loader, "detecting"):
            [found] = detect(self._net, [batch], self.recipe.image.data_shape)
            images = [image for _, of_device in found for image in of_device]
            for place, detections in zip(batch.records(), images, strict=True):
                yield self._seen(place, detections, upright)

    def _seen(self, place: RecordLocation, found: Detections, upright: bool) -> Seen:
        assert place.shard is not None and place.offset is not None  # the loader has read it there
        _, image = unpack(read_record(place.shard, place.offset), place)
        raster = read_raster(image)
        assert raster is not None  # the decoder took it
        size = raster.upright_size if upright else (raster.width, raster.height)
        scale = np.array([*size, *size], np.float64) / self.recipe.image.data_shape
        kept = np.flatnonzero(found.scores >= self._config.min_score)[: self._config.top_k]
        return Seen(
            None,
            place,
            image,
            size,
            raster.orientation if upright else 1,
            found.boxes[kept] * scale,
            found.class_ids[kept],
            found.scores[kept],
        )
