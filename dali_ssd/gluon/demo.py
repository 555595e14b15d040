"""Run the demo: from drawn shapes to a scored network, with pictures, in a few minutes on two cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dali_ssd.anchors import network_anchors
from dali_ssd.config import InputConfig
from dali_ssd.gluon.checkpoint.file import find_checkpoints
from dali_ssd.gluon.checkpoint.parameters import best_path, periodic_path
from dali_ssd.gluon.networks.naming import network_name
from dali_ssd.gluon.options import DemoConfig, EvalConfig, TrainConfig
from dali_ssd.gluon.scoring import score_file
from dali_ssd.gluon.trained.choice import choose_to_score
from dali_ssd.gluon.training.run import train
from dali_ssd.gluon.training.trainer import FitResult
from dali_ssd.loader import TrainLoader
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.metrics.scores import Scores
from dali_ssd.reporting.report import curve_path
from dali_ssd.reporting.views.page import report_path
from dali_ssd.synthetic import SHAPES, write_shapes
from dali_ssd.util.words import counted
from dali_ssd.visualize.grid import save_grid
from dali_ssd.visualize.samples import augmented_images

__all__ = ["DemoResult", "run_demo"]

NETWORK, DATA_SHAPE = "mobilenet0.25", 128
_PICTURES = 12
_SHARDS = 2


@dataclass(frozen=True)
class DemoResult:
    """The results of the demo."""

    fit: FitResult
    loader_speed: float
    """Images per second of the loader alone."""
    scores: Scores | None
    """None if a signal ended the training run."""
    files: dict[str, Path]
    """The files written, by description."""


def run_demo(config: DemoConfig, say: Callable[[str], None]) -> DemoResult:
    """Run all steps and report each to `say`. Raises DaliSsdError if the folder cannot be written."""
    out = Path(config.out)
    say(f"Drawing {counted(config.train_images, 'image')} for training and {config.val_images} for scoring into {out}")
    train_shards = write_shapes(out, "train", config.train_images, seed=config.seed, num_shards=_SHARDS)
    val_shards = write_shapes(out, "val", config.val_images, seed=config.seed)
    augmented = out / "augmented.png"
    save_grid(
        augmented_images(train_shards, find_recipe(data_shape=DATA_SHAPE), _PICTURES, config.seed), SHAPES, augmented
    )
    files = {"augmented training images": augmented}
    speed = _loader_speed(config, train_shards)
    say(f"The loader alone prepares {speed:.0f} images/s for training")
    training = _training(config, train_shards, val_shards)
    prefix = training.save_prefix + network_name(NETWORK, DATA_SHAPE)
    for earlier in find_checkpoints(prefix):
        earlier.unlink()
    fit = train(training)
    if fit.exit_code:
        return DemoResult(fit, speed, None, files)
    parameters = best_path(prefix)
    if not fit.best_map:
        parameters = periodic_path(prefix, training.epochs - 1, fit.best_map)
    files |= {"detections": out / "detections.png", "training report": report_path(prefix)}
    files |= {"training curve": curve_path(prefix), "parameters": parameters}
    scores = _score(val_shards, parameters, files["detections"])
    return DemoResult(fit, speed, scores, files)


def _training(config: DemoConfig, train_shards: Sequence[Path], val_shards: Sequence[Path]) -> TrainConfig:
    return TrainConfig(
        train=tuple(map(str, train_shards)),
        val=tuple(map(str, val_shards)),
        network=NETWORK,
        input=InputConfig(data_shape=DATA_SHAPE),
        pretrained_base="no",
        gpus="",
        global_batch_size=config.batch_size,
        num_workers=config.num_workers,
        epochs=config.epochs,
        lr=0.02,
        lr_decay_epoch=f"{round(config.epochs * 0.7)},{round(config.epochs * 0.9)}",
        log_interval=0,
        save_prefix=f"{config.out}/",
        save_interval=config.epochs,
        val_interval=5,
        checkpoint_keep=1,
        seed=config.seed,
    )


def _loader_speed(config: DemoConfig, shards: Sequence[Path]) -> float:
    """Measure the second epoch of the loader without training; the first one is warm-up."""
    with TrainLoader(
        shards,
        anchors=network_anchors(NETWORK, DATA_SHAPE),
        batch_size=config.batch_size,
        data_shape=DATA_SHAPE,
        seed=config.seed,
        num_threads=config.num_workers or "auto",
    ) as loader:
        for _ in loader:
            pass
        started = time.perf_counter()
        images = sum(int(batch.data[0].shape[0]) for batch in loader)
        return images / (time.perf_counter() - started)


def _score(val_shards: Sequence[Path], parameters: Path, picture: Path) -> Scores:
    config = EvalConfig(
        params=str(parameters), val=tuple(map(str, val_shards)), gpus="", draw=str(picture), images=_PICTURES
    )
    scoring = score_file(config, choose_to_score(config))
    save_grid(scoring.tiles, scoring.scores.classes, picture)
    return scoring.scores
