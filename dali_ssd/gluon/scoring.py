"""Score a parameter file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dali_ssd.config import PipelineConfig, RenderConfig
from dali_ssd.errors import ConfigError
from dali_ssd.gluon.evaluate import detect, evaluate
from dali_ssd.gluon.options import EvalConfig, network_recipe
from dali_ssd.gluon.trained import load_network, read_trained
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.loader import ValLoader
from dali_ssd.metrics.scores import Scores, require_metrics
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import class_names
from dali_ssd.util.progress import track
from dali_ssd.visualize.grid import Tile
from dali_ssd.visualize.tiles import detection_tiles

__all__ = ["Scoring", "score_file", "tiles_of"]


@dataclass(frozen=True)
class Scoring:
    """The scores of a parameter file, and pictures of its detections."""

    scores: Scores
    tiles: list[Tile]


def score_file(config: EvalConfig) -> Scoring:
    """Score the parameters that the options name.

    Raises CheckpointError if the parameters do not fit, DatasetError if there is no object to find.
    """
    if not config.val:
        raise ConfigError("no shards to score on; give them with --val")
    require_metrics()
    recipe = network_recipe(config)
    size = recipe.image.data_shape
    shards = expand_paths(config.val)
    classes = class_names(config.classes, shards)
    devices = devices_of(config.gpus)
    net = load_network(read_trained(Path(config.params)), config.network, classes, devices, recipe)
    with ValLoader(
        shards,
        recipe=recipe,
        ctx=devices,
        num_classes=len(classes),
        pipeline=PipelineConfig(batch_size=config.batch_size, num_threads=config.num_workers or "auto"),
        records=config.records,
    ) as loader:
        loader.report.require_countable()
        scores = evaluate(net, track(loader, "scoring"), classes, size)
        flat = sum(found.kind == "zero-area-box" for found in loader.findings)
        scores = replace(scores, truth=replace(scores.truth, flat=flat))
        tiles = tiles_of(net, loader, recipe.image, config.images, config.min_score) if config.draw else []
    return Scoring(scores, tiles)


def tiles_of(net: Any, batches: Iterable[Any], rendered: RenderConfig, count: int, min_score: float) -> list[Tile]:
    """Draw the detections of the first `count` images."""
    tiles: list[Tile] = []
    for batch in batches:
        images = [image for data in batch.data for image in data.asnumpy()]
        for devices in detect(net, [batch], rendered.data_shape):
            found = [image for _, of_device in devices for image in of_device]
            tiles += detection_tiles(images, found, min_score, rendered)
        if len(tiles) >= count:
            break
    return tiles[:count]
