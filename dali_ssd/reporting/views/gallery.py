"""Validation images with what a network finds in them: the same few after every epoch, and the best and worst."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.errors import DatasetError, RecordError
from dali_ssd.metrics.curves import curve
from dali_ssd.metrics.detections import SURE, Detections
from dali_ssd.metrics.per_image import best_and_worst, score_images
from dali_ssd.metrics.verdicts import find_verdicts
from dali_ssd.pages.elements import Picture
from dali_ssd.pages.pictures import IN_GALLERY, picture
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.words import counted
from dali_ssd.visualize.stored import caption_of
from dali_ssd.visualize.tiles import EMPTY, stored_tiles
from dali_ssd.visualize.verdicts import verdict_picture

__all__ = ["Gallery", "Seen"]

_log = logging.getLogger(__name__)

SAMPLES = 6
"""Images that are drawn after every epoch."""
EXTREMES = 4
"""Best images that are drawn, and worst ones."""


class Gallery:
    """The validation images of a run.

    Args:
        dataset: their records, in the order in which they are scored.
        data_shape: side of the network's input in pixels.
        classes: names of the class ids.
    """

    def __init__(self, dataset: Dataset, data_shape: int, classes: Sequence[str]) -> None:
        self._dataset, self._data_shape, self._classes = dataset, data_shape, classes
        self._samples: dict[int, NDArray[np.uint8]] = {}
        self._warned = False

    def __len__(self) -> int:
        return len(self._dataset)

    def name(self, number: int) -> str:
        """Return the name of an image by which it is found: that of its shard, and its key."""
        return caption_of(self._dataset.place(number))

    def draw(self, number: int, found: Detections, min_score: float, *, sample: bool = False) -> Picture:
        """Draw an image with its detections from `min_score` on; that of a `sample` is kept, small, for the next time.

        An image that cannot be read, as DALI may decode what OpenCV cannot, is an empty square that says so, and the
        first of them is logged as a warning.
        """
        least = np.format_float_positional(min_score, trim="-")  # all digits: a rounded one may leave out the best
        text = f"{self.name(number)}: {score_images([found], min_score)[0]}, from score {least} on"
        image = self._samples.get(number)
        if image is None:
            try:
                image = self._thumbnail(number)
            except RecordError as error:
                self._warn(error)
                return picture(EMPTY, text, f"{text}; the image cannot be drawn", most=IN_GALLERY)
        if sample:
            self._samples[number] = image
        drawn = verdict_picture(image, found, self._data_shape, self._classes, side=IN_GALLERY, min_score=min_score)
        return picture(drawn, text, text)

    def _warn(self, error: RecordError) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("validation images are left out of the pictures, this one first: %s", error)

    def _thumbnail(self, number: int) -> NDArray[np.uint8]:
        image = Image.fromarray(stored_tiles(self._dataset, [number])[0].image)
        image.thumbnail((2 * IN_GALLERY, 2 * IN_GALLERY), Image.Resampling.LANCZOS)
        return np.asarray(image)


class Seen:
    """What a network sees after an epoch; pictures are drawn when they are asked for, and once.

    Args:
        gallery: draws the images.
        found: the detections in all of them, in the order of the records. DatasetError is raised for another number.
    """

    def __init__(self, gallery: Gallery, found: Sequence[Detections]) -> None:
        if len(found) != len(gallery):
            raise DatasetError(
                f"{counted(len(found), 'image')} were scored of {counted(len(gallery), 'record')}: which is which is "
                "not known, so none is drawn"
            )
        self._gallery, self._found = gallery, found

    @cached_property
    def min_score(self) -> float:
        """Lowest score of a detection that counts: the one with the best F1 of all classes together.

        At a fixed one, a network that is not sure yet would look as if it had learned nothing.
        """
        together = curve(find_verdicts(self._found))
        if together is None or together.best is None:
            return SURE
        return together.best.score

    @cached_property
    def samples(self) -> dict[str, Picture]:
        """The same few images after every epoch, by their names: they lie evenly among those with objects."""
        with_objects = [number for number, image in enumerate(self._found) if not image.difficult.all()]
        chosen = np.linspace(0, len(with_objects) - 1, min(SAMPLES, len(with_objects))).round().astype(int)
        return {self._gallery.name(with_objects[i]): self._draw(with_objects[i], sample=True) for i in chosen}

    @cached_property
    def extremes(self) -> tuple[list[Picture], list[Picture]]:
        """The best and the worst images; see `metrics.per_image.best_and_worst`."""
        best, worst = best_and_worst(score_images(self._found, self.min_score), EXTREMES)
        return [self._draw(number) for number in best], [self._draw(number) for number in worst]

    def _draw(self, number: int, *, sample: bool = False) -> Picture:
        return self._gallery.draw(number, self._found[number], self.min_score, sample=sample)
