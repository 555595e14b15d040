"""Set up a training run from its options: network, loaders and files; then start the trainer."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
from typing_extensions import Self

from dali_ssd.config import PipelineConfig
from dali_ssd.errors import CheckpointError, ConfigError, DatasetError
from dali_ssd.gluon.checkpoint.file import find_checkpoints, newest_whole
from dali_ssd.gluon.checkpoint.parameters import load_parameters
from dali_ssd.gluon.distributed.cores import bind_to_share, share_of_cores
from dali_ssd.gluon.distributed.meetings import Meetings
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.distributed.scoring import evaluate_together
from dali_ssd.gluon.distributed.start import own_device, require_same_options, start_workers
from dali_ssd.gluon.distributed.workers import Workers
from dali_ssd.gluon.networks.naming import network_name
from dali_ssd.gluon.networks.pretrained import build_with_base
from dali_ssd.gluon.networks.zoo import anchors_of, initialize, require_network
from dali_ssd.gluon.options import TrainConfig, network_recipe
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.gluon.training.heartbeat import Heartbeat
from dali_ssd.gluon.training.schedule import parse_decay_epochs
from dali_ssd.gluon.training.trainer import FitResult, Trainer
from dali_ssd.launch.signals import StopSignal
from dali_ssd.loader import TrainLoader, ValLoader
from dali_ssd.loader.recipes import Recipe
from dali_ssd.metrics.scores import require_metrics
from dali_ssd.pages.page import require_pages
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import class_names, find_classes
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.report import Scored
from dali_ssd.reporting.views.build import views_of
from dali_ssd.reporting.views.facts import changed_options
from dali_ssd.reporting.views.view import Views
from dali_ssd.util.files import remove_leftovers
from dali_ssd.util.optional import require

__all__ = ["Setup", "learned_by", "train"]

PARAMETERS = ".params"


@dataclass(frozen=True)
class Setup:
    """The parts of a training run, made from checked options."""

    config: TrainConfig
    recipe: Recipe
    workers: Workers
    devices: list[Any]
    shards: Sequence[Path]
    val_shards: Sequence[Path]
    classes: tuple[str, ...]
    threads: int
    """Loader threads of this process."""

    @classmethod
    def from_config(cls, config: TrainConfig, workers: Workers, cores: int) -> Self:
        """Check the options and find shards, classes and devices. Raises a DaliSsdError for what cannot work."""
        if not config.train:
            raise ConfigError("no training shards; give them with --train")
        parse_decay_epochs(config.lr_decay_epoch)  # refused before anything is read
        require("matplotlib")  # for the curve, after the first epoch
        if config.report:
            require_pages()
        if config.tensorboard:
            require("tensorboardX")
        if config.val:
            require_metrics()
        recipe = network_recipe(config)
        require_network(config.network, recipe.image.data_shape)
        if config.global_batch_size % workers.size:
            raise ConfigError(
                f"--batch-size {config.global_batch_size} cannot be divided among {workers.size} processes"
            )
        devices = devices_of(config.gpus) if workers.size == 1 else [own_device(workers)]
        if config.amp and devices[0].device_type != "gpu":
            raise ConfigError("--amp needs a GPU: MXNet has no mixed precision on the CPU")
        shards, val_shards = expand_paths(config.train), expand_paths(config.val) if config.val else []
        classes = class_names(config.classes, shards)
        _check_val_classes(config.classes, classes, val_shards)
        return cls(config, recipe, workers, devices, shards, val_shards, classes, config.num_workers or cores)

    @property
    def data_shape(self) -> int:
        """Side of the network's input in pixels."""
        return self.recipe.image.data_shape

    @property
    def prefix(self) -> str:
        """Prefix of the names of all files."""
        return self.config.save_prefix + network_name(self.config.network, self.data_shape)

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that must be the same when a run is resumed; the loader checks its own."""
        names = ("network", "momentum", "wd", "seed", "amp")
        own = {name: getattr(self.config, name) for name in names} | learned_by(self.recipe)
        sizes = {"data_shape": self.data_shape, "batch_size": self.config.global_batch_size}
        return own | sizes | {"classes": list(self.classes)}

    def network(self, log: TrainLog) -> Any:
        """Return a network with its initial weights, drawn from the seed or read from a parameter file."""
        config = self.config
        if config.amp:
            from mxnet.contrib import amp

            amp.init()
        random.seed(config.seed)
        np.random.seed(config.seed)
        mx.random.seed(config.seed)
        from_parameters = config.resume.endswith(PARAMETERS)
        net = build_with_base(
            config.network,
            self.data_shape,
            self.classes,
            stds=self.recipe.targets.stds,
            pretrained_base="no" if from_parameters else config.pretrained_base,
            sync_devices=len(self.devices) if config.syncbn else 0,
            logger=log.logger,
        )
        initialize(net, self.devices, self.data_shape)
        if from_parameters:
            load_parameters(net, Path(config.resume), self.devices)
            log.logger.info("Parameters from %s; momentum and learning rate start from the beginning", config.resume)
        return net

    def train_loader(self, anchors: Any) -> TrainLoader:
        """Return the loader of this process's part of the training shards."""
        pipeline = PipelineConfig(
            batch_size=self.config.global_batch_size // self.workers.size,
            num_threads=self.threads,
            seed=self.config.seed,
            plugin=self.config.plugin,
        )
        return TrainLoader(
            self.shards,
            anchors=anchors,
            recipe=self.recipe,
            ctx=self.devices,
            world_size=self.workers.size,
            rank=self.workers.rank,
            num_classes=len(self.classes),
            bad_list=f"{self.prefix}_bad_records.txt" if self.workers.rank == 0 else None,
            pipeline=pipeline,
            records=self.config.records,
            nvjpeg=self.config.nvjpeg,
        )

    def val_loader(self) -> ValLoader:
        """Return the loader of this process's part of the validation shards.

        Raises DatasetError if there is nothing to score.
        """
        pipeline = PipelineConfig(
            batch_size=self.config.global_batch_size // self.workers.size,
            num_threads=self.threads,
            plugin=self.config.plugin,
        )
        loader = ValLoader(
            self.val_shards,
            recipe=self.recipe,
            ctx=self.devices,
            world_size=self.workers.size,
            rank=self.workers.rank,
            num_classes=len(self.classes),
            bad_list=f"{self.prefix}_bad_val_records.txt" if self.workers.rank == 0 else None,
            pipeline=pipeline,
            records=self.config.records,
            nvjpeg=self.config.nvjpeg,
        )
        try:
            loader.report.require_countable()
        except DatasetError:
            loader.close()
            raise
        return loader


def train(config: TrainConfig) -> FitResult:
    """Train with these options. Raises a DaliSsdError before the first step for what cannot work.

    Of several processes, all raise if one of them fails.
    """
    workers = start_workers(config)
    with workers.peers:
        return _train(config, workers)


def learned_by(recipe: Recipe) -> dict[str, list[float]]:
    """Return the numbers of a recipe that trained parameters depend on."""
    numbers = {"mean": recipe.image.mean, "std": recipe.image.std, "stds": recipe.targets.stds}
    return {name: [float(value) for value in values] for name, values in numbers.items()}


def _train(config: TrainConfig, workers: Workers) -> FitResult:
    meetings = Meetings(workers)
    require_same_options(config, workers)
    bound = meetings.jointly(lambda: bind_to_share(workers, own_device(workers)))
    cores = share_of_cores(workers)
    setup = meetings.jointly(lambda: Setup.from_config(config, workers, cores))
    checkpoint, faults = _agreed_checkpoint(setup, meetings)
    # One sign of life a machine: all processes stand still if one does.
    stop, heartbeat = StopSignal(), Heartbeat.from_environment() if workers.local_rank == 0 else Heartbeat()
    with meetings.jointly(lambda: _open_log(setup)) as log:
        log.logger.info("Options: %s", changed_options(config))
        log.logger.info("%s", _where(setup, bound))
        for fault in faults:
            log.logger.warning("%s", fault)
        net = meetings.jointly(lambda: setup.network(log))
        anchors = anchors_of(net, setup.data_shape)
        with meetings.jointly(lambda: setup.train_loader(anchors)) as loader:
            val = meetings.jointly(lambda: setup.val_loader() if setup.val_shards else None)
            trainer = Trainer(
                net,
                loader,
                config,
                prefix=setup.prefix,
                score=_scorer(setup, val, meetings, stop, heartbeat) if val else None,
                identity=setup.identity,
                workers=workers,
                stop=stop,
                log=log,
                heartbeat=heartbeat,
                views=meetings.jointly(lambda: _views(setup, log, loader, val)),
            )
            if checkpoint is not None:
                trainer.resume(checkpoint)
            with heartbeat:
                return trainer.run()


def _checkpoint(config: TrainConfig, prefix: str) -> tuple[Path | None, list[CheckpointError]]:
    """Find the checkpoint to resume from, if any, and the faults of newer ones."""
    if config.start_epoch and not config.resume.endswith(PARAMETERS):
        raise CheckpointError("--start-epoch goes with a .params file; a checkpoint knows its epoch")
    if config.resume == "auto":
        return newest_whole(prefix)
    if not config.resume or config.resume.endswith(PARAMETERS):
        return None, []
    if not Path(config.resume).is_file():
        raise CheckpointError(f"there is no checkpoint {config.resume}")
    return Path(config.resume), []


def _agreed_checkpoint(setup: Setup, meetings: Meetings) -> tuple[Path | None, list[CheckpointError]]:
    """Return the checkpoint that rank 0 resumes from, the same in all processes, and the faults of newer ones."""

    def find() -> tuple[Path | None, list[CheckpointError]]:
        if setup.workers.rank:
            return None, []
        found, faults = _checkpoint(setup.config, setup.prefix)
        if found is None:
            _check_fresh(setup.prefix)
        return found, faults

    found, faults = meetings.jointly(find)
    name = gather(setup.workers, str(found or "").encode("utf-8", "surrogateescape"))[0]
    return Path(name.decode("utf-8", "surrogateescape")) if name else None, faults


def _open_log(setup: Setup) -> TrainLog:
    """Open the log of rank 0, and tidy up what killed runs have left; the others log nothing."""
    if setup.workers.rank:
        return TrainLog(quiet=True)
    log = TrainLog(Path(f"{setup.prefix}_train.log"))
    remove_leftovers(Path(setup.prefix).parent, Path(setup.prefix).name)
    return log


def _scorer(
    setup: Setup, val: ValLoader, meetings: Meetings, stop: StopSignal, heartbeat: Heartbeat
) -> Callable[[Any], Scored | None]:
    """Return the function that scores the network."""
    return lambda net: evaluate_together(net, heartbeat.along(val), setup.classes, setup.data_shape, meetings, stop)


def _views(setup: Setup, log: TrainLog, loader: TrainLoader, val: ValLoader | None) -> Views:
    """Return what shows the run to people, in rank 0."""
    if setup.workers.rank:
        return Views()
    config = setup.config
    return views_of(
        setup.prefix, config, setup.classes, log, loader, val, report=config.report, tensorboard=config.tensorboard
    )


def _where(setup: Setup, bound: Sequence[int]) -> str:
    """Return in words which processes train on which devices, and on which cores if this one is bound to some."""
    devices, workers = ", ".join(map(str, setup.devices)), setup.workers
    if workers.size == 1:
        return f"Training on {devices}"
    cores = f", bound to cores {','.join(map(str, bound))}" if bound else ""
    return f"Training in {workers.size} processes; process {workers.rank} on {devices}{cores}"


def _check_val_classes(option: str, classes: Sequence[str], val_shards: Sequence[Path]) -> None:
    """Raise ConfigError if the validation shards have other class names: their ids would mean other classes."""
    if option or not val_shards:
        return
    try:
        theirs = find_classes(val_shards)
    except DatasetError:
        return  # no names beside them: those of the training shards hold
    if tuple(theirs) != tuple(classes):
        raise ConfigError(
            f"the classes beside the validation shards are {', '.join(theirs)}, those of the training shards "
            f"{', '.join(classes)}; convert both with the same --classes, or say which hold by --classes"
        )


def _check_fresh(prefix: str) -> None:
    """Raise ConfigError if there are checkpoints of another training run: the new ones would mix with them."""
    there = find_checkpoints(prefix)
    if there:
        raise ConfigError(
            f"checkpoints of an earlier training run are there, the newest is {there[-1]}; go on with --resume auto, "
            "choose another --save-prefix, or delete them"
        )
