"""Pictures of what reports and `detect` draw, by their own code: a made-up network moves and mixes true boxes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dali_ssd.inspection.examine import examine
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.showing.thumbnails import pictures_of
from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.metrics.detections import SURE, Detections
from dali_ssd.metrics.scores import score
from dali_ssd.metrics.verdicts import Kind
from dali_ssd.pages.elements import Gallery, Picture
from dali_ssd.pages.page import Section
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.reporting.evaluation.examples import error_section, missed_section
from dali_ssd.reporting.evaluation.kinds import title_of
from dali_ssd.reporting.views.gallery import Gallery as Images
from dali_ssd.visualize.grid import Tile, tile_picture
from dali_ssd.visualize.legend import INK, PAPER
from dali_ssd.visualize.lettering import Lettering
from dali_ssd.visualize.tiles import stored_tiles
from tools.docs_pictures.scene import CLASSES

__all__ = ["detections", "evaluation", "inspection", "training"]

_SIDE = 300
_WIDTH, _COLUMN, _LETTERS = 800, 380, 17
"""Pixels of a picture, of each of two side by side in it, and of the letters below them."""


def detections(shard: Path) -> Image.Image:
    """Draw what `detect` draws of the first record."""
    dataset = open_dataset(shard)
    (stored,) = stored_tiles(dataset, [0])
    found = _seen(dataset, 0, seed=3, error=0.03)
    scale = np.array([stored.image.shape[1], stored.image.shape[0]] * 2, np.float32) / np.float32(_SIDE)
    sure = found.scores >= Thresholds().min_score
    tile = Tile(stored.image, found.boxes[sure] * scale, found.class_ids[sure], found.scores[sure])
    return tile_picture(tile, CLASSES, least=_WIDTH, most=_WIDTH)


def training(shard: Path) -> Image.Image:
    """Draw the samples of a training run's page: the first record after an early and a late epoch."""
    dataset = open_dataset(shard)
    images = Images(dataset, _SIDE, CLASSES)
    early, late = _seen(dataset, 0, seed=5, error=0.25), _seen(dataset, 0, seed=3, error=0.04)
    return _beside([("epoch 3", images.draw(0, early, SURE)), ("epoch 40", images.draw(0, late, SURE))])


def evaluation(shard: Path) -> Image.Image:
    """Draw an example of each of four kinds of errors, as the report of `eval` has them."""
    dataset = open_dataset(shard)
    found = [_seen(dataset, number, seed=number, error=0.16) for number in range(len(dataset))]
    scores, analysis = score(found, CLASSES, _SIDE, ()), analyze(found, CLASSES, Thresholds())
    whole = Evaluation("", scores, analysis, dataset, _SIDE, [], "")
    kinds = (Kind.LOCALIZATION, Kind.CONFUSION, Kind.BACKGROUND)
    shown = [(title_of(kind), _first(error_section(whole, kind))) for kind in kinds]
    return _beside([*shown, ("Missed", _first(missed_section(whole)))])


def inspection(shard: Path) -> Image.Image:
    """Draw records that `inspect` takes for worth a look: one with a small object, and one with an object twice."""
    inspected = examine(InspectConfig((str(shard),), views=1, workers=1))
    pictures = pictures_of(inspected)
    chosen = [next(one for one in inspected.report.exhibits if word in one.why) for word in ("smallest", "overlapping")]
    return _beside(
        [(one.why.partition(",")[0], picture) for one in chosen if (picture := pictures[one.number]) is not None]
    )


def _seen(dataset: Dataset, number: int, *, seed: int, error: float) -> Detections:
    """Return what a made-up network finds in a record: the larger its error, the worse in every way."""
    rng = np.random.default_rng(seed)
    (stored,) = stored_tiles(dataset, [number])
    true = stored.boxes / np.array([stored.image.shape[1], stored.image.shape[0]] * 2, np.float32) * _SIDE
    kept = np.flatnonzero(rng.random(len(true)) > error)
    sides = np.tile(true[:, 2:] - true[:, :2], 2)[kept]
    boxes = true[kept] + rng.normal(size=(len(kept), 4)) * error * sides
    mixed = rng.random(len(kept)) < error
    ids = np.where(mixed, (stored.class_ids[kept] + 1) % len(CLASSES), stored.class_ids[kept])
    scores = np.clip(rng.normal(0.95 - error, 0.3 * error + 0.03, len(kept)), 0.05, 0.99)
    if error > 0.1:  # and something where nothing is
        corner = rng.uniform(20, 200, 2)
        boxes = np.vstack([boxes, [*corner, *(corner + rng.uniform(30, 60, 2))]])
        ids, scores = np.append(ids, rng.integers(len(CLASSES))), np.append(scores, 0.55)
    order = np.argsort(-scores)
    return Detections(
        boxes[order].clip(0, _SIDE).astype(np.float32),
        ids[order].astype(np.int32),
        scores[order].astype(np.float32),
        true.astype(np.float32),
        stored.class_ids,
        np.zeros(len(true), bool),
    )


def _first(section: Section) -> Picture:
    """Return the first picture of a section."""
    return next(one.pictures[0] for one in section.elements if isinstance(one, Gallery))


def _beside(pictures: Sequence[tuple[str, Picture]]) -> Image.Image:
    """Draw pictures in rows of two, each with a line below it."""
    gap = (_WIDTH - 2 * _COLUMN) // 3
    lettering = Lettering([name for name, _ in pictures], _LETTERS)
    images = [_decoded(picture) for _, picture in pictures]
    high, rows = max(image.height for image in images), -(-len(images) // 2)
    step = high + 2 * _LETTERS + gap
    sheet = Image.new("RGB", (_WIDTH, rows * step + gap), PAPER)
    for number, (image, (name, _)) in enumerate(zip(images, pictures, strict=True)):
        left, top = gap + number % 2 * (_COLUMN + gap), gap + number // 2 * step
        sheet.paste(image, (left, top))
        lettering.write(ImageDraw.Draw(sheet), (left, top + image.height + 4), name, INK)
    return sheet


def _decoded(picture: Picture) -> Image.Image:
    """Return a picture of a page, as wide as a column."""
    image = Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2])))
    return image.resize((_COLUMN, round(image.height * _COLUMN / image.width)), Image.Resampling.LANCZOS)
