"""A training from options: network, loaders and files put together, then the loop."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from dali_ssd.errors import CheckpointError, ConfigError, DatasetError
from dali_ssd.gluon.checkpoint.file import find_checkpoints, newest_whole
from dali_ssd.gluon.checkpoint.parameters import load_parameters
from dali_ssd.gluon.evaluate import evaluate
from dali_ssd.gluon.networks.pretrained import build_with_base
from dali_ssd.gluon.networks.zoo import anchors_of, initialize, network_name, require_network
from dali_ssd.gluon.options import TrainConfig, network_recipe
from dali_ssd.gluon.reporting.log import TrainLog
from dali_ssd.gluon.reporting.report import Scored
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.gluon.training.distributed import HorovodWorkers, OneWorker, Workers, loader_threads
from dali_ssd.gluon.training.heartbeat import Heartbeat
from dali_ssd.gluon.training.schedule import parse_decay_epochs
from dali_ssd.gluon.training.signals import StopSignal
from dali_ssd.gluon.training.trainer import FitResult, Trainer
from dali_ssd.loader import TrainLoader, ValLoader
from dali_ssd.loader.recipes import Recipe
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import find_classes, read_classes
from dali_ssd.util.files import remove_leftovers

__all__ = ["class_names", "learned_by", "train"]

PARAMETERS = ".params"


def train(config: TrainConfig) -> FitResult:
    """Train as the options say. Raises DaliSsdError's children for what cannot work, before the first step."""
    if not config.train:
        raise ConfigError("no training shards; give them with --train")
    parse_decay_epochs(config.lr_decay_epoch)  # what cannot work is said before anything is read
    recipe = network_recipe(config)
    config = replace(config, data_shape=recipe.image.data_shape)
    require_network(config.network, config.data_shape)
    workers, devices = _workers(config)
    shards, val_shards = expand_paths(config.train), expand_paths(config.val) if config.val else []
    classes = class_names(config.classes, shards)
    _check_val_classes(config.classes, classes, val_shards)
    prefix = config.save_prefix + network_name(config.network, config.data_shape)
    checkpoint, faults = _checkpoint(config, prefix)
    if checkpoint is None:
        _check_fresh(prefix)
    stop, heartbeat = StopSignal(), Heartbeat.from_environment()
    with TrainLog(Path(f"{prefix}_train.log") if workers.rank == 0 else None, quiet=workers.rank > 0) as log:
        log.logger.info("%s", config)
        log.logger.info("Training on %s", ", ".join(map(str, devices)))
        for fault in faults:
            log.logger.warning("%s", fault)
        if workers.rank == 0:
            remove_leftovers(Path(prefix).parent, Path(prefix).name)
        net = _network(config, recipe, classes, devices, log)
        anchors = anchors_of(net, config.data_shape)
        with _train_loader(config, recipe, shards, anchors, devices, classes, workers, prefix) as loader:
            scored = val_shards if workers.rank == 0 else ()
            score = _scorer(config, recipe, scored, classes, devices, prefix, stop, heartbeat)
            identity = _identity(config, recipe, classes, workers)
            trainer = Trainer(
                net,
                loader,
                config,
                prefix=prefix,
                score=score,
                identity=identity,
                workers=workers,
                stop=stop,
                log=log,
                heartbeat=heartbeat,
            )
            if checkpoint is not None:
                trainer.resume(checkpoint)
            with heartbeat:
                return trainer.run()


def class_names(classes: str, shards: Sequence[Path]) -> tuple[str, ...]:
    """Class names of an option, or of the `classes.txt` beside the shards. Raises DatasetError where there are none."""
    return read_classes(classes) if classes else find_classes(shards)


def _workers(config: TrainConfig) -> tuple[Workers, list[Any]]:
    """Say which processes train, and on which devices this one does."""
    if config.horovod:
        workers = HorovodWorkers()
        if config.batch_size % workers.size:
            raise ConfigError(f"--batch-size {config.batch_size} cannot be divided among {workers.size} processes")
        return workers, [workers.device()]
    devices = devices_of(config.gpus)
    if config.amp and devices[0].device_type != "gpu":
        raise ConfigError("--amp needs a GPU: MXNet has no mixed precision on the CPU")
    return OneWorker(), devices


def _network(config: TrainConfig, recipe: Recipe, classes: Sequence[str], devices: list[Any], log: TrainLog) -> Any:
    """Build a network with its first weights, drawn from the seed or read from a parameter file."""
    if config.amp:
        from mxnet.contrib import amp

        amp.init()
    random.seed(config.seed)
    np.random.seed(config.seed)
    mx.random.seed(config.seed)
    from_parameters = config.resume.endswith(PARAMETERS)
    net = build_with_base(
        config.network,
        config.data_shape,
        classes,
        stds=recipe.targets.stds,
        pretrained_base="no" if from_parameters else config.pretrained_base,
        sync_devices=len(devices) if config.syncbn else 0,
        logger=log.logger,
    )
    initialize(net, devices, config.data_shape)
    if from_parameters:
        load_parameters(net, Path(config.resume), devices)
        log.logger.info("Parameters from %s; momentum and learning rate start anew", config.resume)
    return net


def _train_loader(
    config: TrainConfig,
    recipe: Recipe,
    shards: Sequence[Path],
    anchors: Any,
    devices: list[Any],
    classes: Sequence[str],
    workers: Workers,
    prefix: str,
) -> TrainLoader:
    return TrainLoader(
        shards,
        anchors=anchors,
        batch_size=config.batch_size // workers.size,
        ctx=devices,
        seed=config.seed,
        num_threads=loader_threads(config.num_workers, workers),
        world_size=workers.size,
        rank=workers.rank,
        on_bad=config.on_bad,
        max_bad=config.max_bad,
        coordinates=config.coordinates,
        num_classes=len(classes),
        bad_list=f"{prefix}_bad_records.txt" if workers.rank == 0 else None,
        recipe=recipe,
    )


def _check_val_classes(option: str, classes: Sequence[str], val_shards: Sequence[Path]) -> None:
    """Raise ConfigError where the validation's own names are others: its ids would count as other classes."""
    if option or not val_shards:
        return
    try:
        theirs = find_classes(val_shards)
    except DatasetError:
        return  # no names beside them: those of the training hold
    if tuple(theirs) != tuple(classes):
        raise ConfigError(
            f"the classes beside the validation shards are {', '.join(theirs)}, those of the training shards "
            f"{', '.join(classes)}; convert both with the same --classes, or say which hold by --classes"
        )


def _check_fresh(prefix: str) -> None:
    """Raise ConfigError where another training's checkpoints are: this one would mix with them."""
    there = find_checkpoints(prefix)
    if there:
        raise ConfigError(
            f"checkpoints of an earlier training are there, the newest is {there[-1]}; go on with --resume auto, "
            "choose another --save-prefix, or delete them"
        )


def _scorer(
    config: TrainConfig,
    recipe: Recipe,
    shards: Sequence[Path],
    classes: Sequence[str],
    devices: list[Any],
    prefix: str,
    stop: StopSignal,
    heartbeat: Heartbeat,
) -> Callable[[Any], Scored] | None:
    if not shards:
        return None
    loader = ValLoader(
        shards,
        batch_size=config.batch_size,
        ctx=devices,
        num_threads=config.num_workers or "auto",
        on_bad=config.on_bad,
        max_bad=config.max_bad,
        coordinates=config.coordinates,
        num_classes=len(classes),
        bad_list=f"{prefix}_bad_val_records.txt",
        recipe=recipe,
    )
    try:
        loader.report.require_countable()
    except DatasetError:
        loader.close()
        raise
    return lambda net: evaluate(net, heartbeat.along(stop.guard(loader)), classes, config.data_shape)


def _identity(config: TrainConfig, recipe: Recipe, classes: Sequence[str], workers: Workers) -> dict[str, Any]:
    """What must not change between a checkpoint and the run that goes on from it; the loader checks its own part."""
    names = ("network", "data_shape", "batch_size", "momentum", "wd", "seed", "amp")
    own = {name: getattr(config, name) for name in names} | learned_by(recipe)
    return own | {"classes": list(classes), "processes": workers.size}


def learned_by(recipe: Recipe) -> dict[str, list[float]]:
    """Return the numbers of a recipe without which a network's parameters mean nothing."""
    numbers = {"mean": recipe.image.mean, "std": recipe.image.std, "stds": recipe.targets.stds}
    return {name: [float(value) for value in values] for name, values in numbers.items()}


def _checkpoint(config: TrainConfig, prefix: str) -> tuple[Path | None, list[CheckpointError]]:
    """Find the checkpoint to go on from, if any, and what is wrong with newer ones."""
    if config.start_epoch and not config.resume.endswith(PARAMETERS):
        raise CheckpointError("--start-epoch goes with a .params file; a checkpoint knows its epoch")
    if config.resume == "auto":
        return newest_whole(prefix)
    if not config.resume or config.resume.endswith(PARAMETERS):
        return None, []
    if not Path(config.resume).is_file():
        raise CheckpointError(f"there is no checkpoint {config.resume}")
    return Path(config.resume), []
