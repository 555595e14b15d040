"""Score a parameter file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dali_ssd.config import PipelineConfig, RenderConfig
from dali_ssd.gluon.evaluate import detect, evaluate
from dali_ssd.gluon.options import EvalConfig, rendering_recipe
from dali_ssd.gluon.trained.choice import Choice
from dali_ssd.gluon.trained.network import load_network
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.loader import ValLoader
from dali_ssd.loader.recipes import Recipe
from dali_ssd.metrics.analysis import Thresholds, analyze
from dali_ssd.metrics.scores import Scores, require_metrics
from dali_ssd.pages.page import require_pages
from dali_ssd.records.dataset import expand_paths
from dali_ssd.reporting.evaluation.evaluation import Evaluation
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted
from dali_ssd.visualize.grid import Tile
from dali_ssd.visualize.tiles import detection_tiles

__all__ = ["Scoring", "score_file", "tiles_of"]


@dataclass(frozen=True)
class Scoring:
    """The scores of a parameter file, and pictures of its detections."""

    scores: Scores
    tiles: list[Tile]
    evaluation: Evaluation | None = None
    """What the report and the JSON file tell beside the scores, if they are asked for."""


def score_file(config: EvalConfig, choice: Choice) -> Scoring:
    """Score the network that the options name.

    Raises CheckpointError if the parameters do not fit, DatasetError if there is no object to find.
    """
    require_metrics()
    if config.report:
        require_pages()
    recipe = rendering_recipe(choice.input)
    size, classes = recipe.image.data_shape, choice.classes
    devices = devices_of(config.gpus)
    net = load_network(choice, devices, recipe)
    with ValLoader(
        expand_paths(config.val),
        recipe=recipe,
        ctx=devices,
        num_classes=len(classes),
        pipeline=PipelineConfig(
            batch_size=config.batch_size, num_threads=config.num_workers or "auto", plugin=config.plugin
        ),
        records=config.records,
        nvjpeg=config.nvjpeg,
    ) as loader:
        loader.report.require_countable()
        scores = evaluate(net, track(loader, "scoring"), classes, size)
        flat = sum(found.kind == "zero-area-box" for found in loader.findings)
        scores = replace(scores, truth=replace(scores.truth, flat=flat))
        tiles = tiles_of(net, loader, recipe.image, config.images, config.min_score) if config.draw else []
        told = _evaluation(config, choice.network, recipe, loader, scores) if config.report or config.json else None
    return Scoring(scores, tiles, told)


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


def _evaluation(config: EvalConfig, network: str, recipe: Recipe, loader: ValLoader, scores: Scores) -> Evaluation:
    thresholds = Thresholds(config.min_score, config.min_iou)
    analysis = analyze(scores.found, scores.classes, thresholds)
    params = Path(config.params)
    written = datetime.fromtimestamp(params.stat().st_mtime).astimezone()
    left_out = loader.report.records - loader.num_records
    facts = [
        (
            "Parameters",
            f"`{params}`, of {written:%Y-%m-%d %H:%M}, SHA-256 {hashlib.sha256(params.read_bytes()).hexdigest()[:16]}",
        ),
        ("Network", f"{network}, {counted(recipe.image.data_shape, 'pixel')}, recipe {recipe.name}"),
        ("Shards", ", ".join(f"`{shard}`" for shard in loader.dataset.shards)),
        ("Records", f"{loader.num_records:,}" + (f"; {left_out:,} bad ones left out" if left_out else "")),
        ("Difficult objects", f"{sum(scores.truth.difficult):,}, which count for nothing"),
        ("Loading", str(loader.placement)),
    ]
    title = f"{params.name} on {', '.join(shard.name for shard in loader.dataset.shards[:3])}"
    return Evaluation(title, scores, analysis, loader.dataset, recipe.image.data_shape, facts)
