"""Train an SSD of torchvision from shards, in one process or in several, on CPUs or on NVIDIA GPUs.

    python examples/torchvision_ssd.py --train 'data/train*.rec' --val data/test.rec
    torchrun --nproc-per-node 2 examples/torchvision_ssd.py --train 'data/train*.rec' --val data/test.rec

It writes a log, metrics, a curve, a report, the best parameters, and a checkpoint from which `--resume auto` goes on:
on the CPU to the bit. Copy it and change what you like. On several GPUs, and with --amp, it has not run.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from signal import Signals
from typing import Annotated, Any, Literal, NamedTuple

import torch
import tyro
from torch import distributed, nn

from dali_ssd.errors import CheckpointError, ConfigError, DaliSsdError, TrainingError
from dali_ssd.launch.signals import StopSignal
from dali_ssd.metrics.detections import detections_from_bytes, detections_to_bytes
from dali_ssd.metrics.scores import Scores, require_metrics, score
from dali_ssd.pages.page import require_pages
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import class_names
from dali_ssd.records.options import ClassNames
from dali_ssd.reporting.history import History
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.meter import LossMeter, StepClock
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.report import Report
from dali_ssd.reporting.views.build import views_of
from dali_ssd.reporting.views.view import Views
from dali_ssd.torch import BoxBatch, TrainLoader, ValLoader, detections, joined_processes
from dali_ssd.torch.processes import from_rank_0, gathered
from dali_ssd.util.files import atomic_open
from dali_ssd.util.validation import check_not_negative, check_positive, check_random_seed, check_types, raise_all

BROKEN = (AttributeError, EOFError, IndexError, KeyError, OSError, RuntimeError, TypeError, UnpicklingError, ValueError)
"""What a file that is no checkpoint, or a damaged one, raises where it is read."""


@dataclass(frozen=True)
class Options:
    """Train an SSD of torchvision from shards."""

    train: tuple[str, ...]
    """Training shards: paths or globs."""
    val: tuple[str, ...] = ()
    """Validation shards; without them, nothing is scored."""
    classes: ClassNames = ""
    network: Literal["ssd300_vgg16", "ssdlite320_mobilenet_v3_large"] = "ssdlite320_mobilenet_v3_large"
    pretrained_backbone: bool = False
    """Begin with ImageNet weights of the backbone, which torchvision downloads; else with random ones."""
    batch_size: int = 32
    """Images per step, over all processes."""
    num_workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 0
    """Loader threads of each process; 0: its share of the cores."""
    epochs: int = 60
    lr: float = 0.001
    wd: float = 0.01
    """Learning rate and weight decay of AdamW."""
    lr_warmup: int = 50
    """Steps in which the learning rate rises from 0 to its value."""
    lr_decay_epoch: tuple[int, ...] = (40, 54)
    """Epochs at which the learning rate becomes a tenth."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: a GPU if there is one. Each process of a host has its own."""
    amp: bool = False
    """Train in mixed precision, on float16 images; needs a GPU."""
    log_interval: int = 10
    """Steps between two log lines; 0: none."""
    val_interval: int = 1
    """Epochs between two validations."""
    save_prefix: str = ""
    """Prefix of the names of files, such as a folder with a slash at its end; the network's name follows."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0: one an epoch."""
    resume: str = ""
    """Checkpoint to go on from; auto: the one of this --save-prefix, if there is one."""
    seed: int = 233

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "batch_size", "epochs", "lr", "val_interval") + check_random_seed(self.seed)
        faults += check_not_negative(self, "num_workers", "wd", "lr_warmup", "log_interval", "checkpoint_every", "seed")
        faults += [f"{name} must be finite" for name in ("lr", "wd") if math.isinf(getattr(self, name))]
        raise_all(self, faults)

    def file(self, end: str) -> Path:
        """Return the path of the run's file whose name ends so."""
        return Path(f"{self.save_prefix}{self.network}{end}")


class Network(NamedTuple):
    """A detector as torchvision's, whose losses hold as `positives` by what number they are divided; and its input."""

    model: Any
    size: int  # side in pixels
    mean: tuple[float, float, float]  # of the channels, as fractions of 255
    std: tuple[float, float, float]


def torchvision_network(options: Options, classes: int) -> Network:
    """Return a network of torchvision for so many classes."""
    from torchvision.models import detection

    backbone = {} if options.pretrained_backbone else {"weights_backbone": None}  # else those that its input is for
    model: Any = getattr(detection, options.network)(weights=None, num_classes=classes + 1, **backbone)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # with torchvision's 0.03, a short training would be scored with means of long ago
    images = model.transform
    network = Network(model, images.fixed_size[0], tuple(images.image_mean), tuple(images.image_std))
    images.image_mean, images.image_std = [0.0] * 3, [1.0] * 3  # the loader normalizes
    losses = model.compute_loss
    model.compute_loss = lambda *given: losses(*given) | {"positives": sum((match >= 0).sum() for match in given[-1])}
    # Anchors have the features' type; under --amp, their pixels would be coarse.
    model.anchor_generator.register_forward_pre_hook(
        lambda _, given: (given[0], [each.new_empty((), dtype=torch.float32).expand(each.shape) for each in given[1]])
    )
    return network


class Training:
    """A training run: what it changes is in its checkpoint."""

    def __init__(
        self,
        options: Options,
        network: Network,
        names: Sequence[str],
        device: Any,
        log: TrainLog,
        views: Views | None = None,
    ) -> None:
        self.options, self.classes, self.device, self.log = options, names, device, log
        self.rank, self.processes = distributed.get_rank(), distributed.get_world_size()
        self.model = network.model.to(device, memory_format=torch.channels_last)
        self.net = nn.parallel.DistributedDataParallel(self.model) if self.processes > 1 else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), options.lr, weight_decay=options.wd)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.amp)
        self.random: Any = torch.cuda if device.type == "cuda" else torch
        self.clock = StepClock(settle=torch.cuda.synchronize if device.type == "cuda" else lambda: None)
        self.stop, self.at, self.meter = StopSignal(), TrainProgress(), LossMeter()
        prefix = None if self.rank else str(options.file(""))
        self.report = Report(log, prefix, silent=self.rank > 0, views=views)
        self.history = History(None if self.rank else options.file("_metrics.jsonl"))
        self.identity = {name: getattr(options, name) for name in ("network", "wd", "amp")}
        self.identity |= {"classes": list(names), "processes": self.processes}

    def run(self, loader: TrainLoader, val: ValLoader | None) -> int:
        """Train until the last epoch or a signal; return 0, or 128 + the signal's number."""
        at, options = self.at, self.options
        self.report.say("%s", options)
        self.report.placement(loader.placement, self.history)
        while at.epoch < options.epochs:
            began, before = time.perf_counter(), self.clock.read()
            signal = 0 if at.trained else self.train_epoch(loader)
            self.save(loader)
            if at.trained:
                seconds, share = time.perf_counter() - began, self.clock.read() - before
                self.report.epoch_cost(at, seconds, self.meter, share)
                due = at.epoch % options.val_interval == 0 or at.epoch + 1 == options.epochs
                scores = self.score(val) if val is not None and due else None
                self.report.epoch(at, self.rate, seconds, self.meter, share, scores, self.history)
                at.next_epoch()
                self.meter = LossMeter()
                signal = max(gathered(self.stop.received or 0))
            if signal and at.epoch < options.epochs:
                self.report.stopped(Signals(signal).name, at, options.file(".ckpt"))
                own = [self.device.index] if self.device.type == "cuda" else None
                distributed.barrier(device_ids=own)  # torchrun ends all when one has ended
                return 128 + signal
        self.report.say("All %d epochs are trained", at.epoch)
        return 0

    def train_epoch(self, loader: TrainLoader) -> int:
        """Train on the rest of an epoch; return the number of a signal that cuts it short, or 0."""
        at, options, signal = self.at, self.options, 0
        self.net.train()
        self.clock.resume()
        last = self.clock.read()
        with self.log.progress(f"epoch {at.epoch}", len(loader)) as progress:
            progress.advance(at.batch)
            for batch in self.clock.batches(loader):
                signal = self.step(batch)
                progress.advance()
                if options.log_interval and at.batch % options.log_interval == 0:
                    self.report.step(at, self.rate, self.meter, self.clock.read() - last, self.history)
                    last = self.clock.read()
                if signal:
                    break
                if options.checkpoint_every and at.step % options.checkpoint_every == 0:
                    self.save(loader)
        self.clock.pause()
        at.trained = not signal
        return signal

    def step(self, batch: BoxBatch) -> int:
        """Train on a batch; return the number of a signal that a process has received, or 0."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        with torch.autocast(self.device.type, torch.float16, enabled=self.options.amp):
            losses = self.net(batch.images, batch.targets)
        # Each process has divided by its own number of positives. By that of all, gradients are those of one process.
        parts, count = (losses["classification"], losses["bbox_regression"]), losses["positives"].double()
        own = count.clamp(min=1)
        stops = (count.new_full((), number == self.stop.received) for number in StopSignal.SIGNALS)
        sums = torch.stack([*(part.detach() * own for part in parts), count, *stops])
        if self.processes > 1:
            distributed.all_reduce(sums)
        self.optimizer.zero_grad()
        self.scaler.scale(sum(parts) * (own * self.processes / sums[2].clamp(min=1)).float()).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        cross_entropy, smooth_l1, total, *stopped = sums.tolist()  # waits for a GPU: all its work is queued by now
        if not math.isfinite(cross_entropy + smooth_l1):
            raise TrainingError(f"the loss is not finite at step {self.at.step} (lr={self.rate:g}); try a smaller --lr")
        self.meter.add(cross_entropy / max(total, 1), smooth_l1 / max(total, 1))
        self.clock.count(self.options.batch_size)
        self.at.batch, self.at.step = self.at.batch + 1, self.at.step + 1
        return max(number if asked else 0 for number, asked in zip(StopSignal.SIGNALS, stopped, strict=True))

    @property
    def rate(self) -> float:
        """The learning rate."""
        decays = sum(self.at.epoch >= epoch for epoch in self.options.lr_decay_epoch)
        return self.options.lr * 0.1**decays * min(1.0, (self.at.step + 1) / max(self.options.lr_warmup, 1))

    def score(self, val: ValLoader) -> Scores | None:
        """Score the network, and save it if none was better; return the scores in rank 0."""
        for buffer in self.model.buffers():  # running means are each process's own; those of rank 0 are saved
            distributed.broadcast(buffer, 0)
        self.model.eval()
        with torch.inference_mode():  # of several processes, the last batch of one may have no images
            found = [each for images, targets in val if len(images) for each in detections(self.model(images), targets)]
        parts = gathered(detections_to_bytes(found))
        if self.rank:
            return None
        images = [image for part in parts for image in detections_from_bytes(part)]
        scores = score(images, self.classes, val.recipe.image.data_shape)
        self.report.scores(self.at, scores)
        if scores.mean_ap >= self.at.best_map:
            self.at.best_map = scores.mean_ap
            with atomic_open(self.options.file("_best.pt")) as file:
                torch.save(self.model.state_dict(), file)
        return scores

    def save(self, loader: TrainLoader) -> None:
        """Write the checkpoint, with what each process knows alone."""
        parts = gathered({"loader": loader.state_dict(), "random": self.random.get_rng_state()})
        if self.rank == 0:
            content = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "scaler")}
            content |= {"at": asdict(self.at), "meter": asdict(self.meter), "history": self.history.entries}
            with atomic_open(self.options.file(".ckpt")) as file:
                torch.save(content | {"parts": parts, "identity": self.identity}, file)

    def load(self, content: Any, loader: TrainLoader) -> None:
        """Go on from a checkpoint. Raises CheckpointError if it is not whole, or belongs to another run."""
        try:
            if content["identity"] != (own := self.identity):
                raise CheckpointError(f"--resume: it belongs to another run: {content['identity']} and not {own}")
            for name in ("model", "optimizer", "scaler"):
                getattr(self, name).load_state_dict(content[name])
            self.at, self.meter = TrainProgress(**content["at"]), LossMeter(**content["meter"])
            entries, part = list(content["history"]), content["parts"][self.rank]
            loader.load_state_dict(part["loader"])
            self.random.set_rng_state(part["random"])
        except BROKEN as error:
            raise CheckpointError(f"--resume: it is no whole checkpoint of this script: {error!r}") from error
        self.history.start(entries)
        self.report.say("Going on from [Epoch %d][Batch %d]", self.at.epoch, self.at.batch)


def read_checkpoint(options: Options) -> Any:
    """Return the content of the checkpoint to go on from; None to begin anew.

    Raises ConfigError if the run would replace another one's checkpoint, CheckpointError if there is none to read.
    """
    own = options.file(".ckpt")
    path = own if options.resume == "auto" else Path(options.resume)
    if own.exists() and not (options.resume and path.resolve() == own.resolve()):
        raise ConfigError(f"there is a checkpoint {own}; go on with --resume auto, or choose another --save-prefix")
    if options.resume in ("", "auto") and not own.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except BROKEN as error:
        raise CheckpointError(f"{path} is no whole checkpoint of this script: {error}") from error


def train(options: Options, build: Callable[[Options, int], Network] = torchvision_network) -> int:
    """Train the network that `build` returns; return the exit code. Raises DaliSsdError for what cannot work."""
    require_pages()  # for the report, after the first epoch
    if options.val:
        require_metrics()
    shards, val_shards = expand_paths(options.train), expand_paths(options.val) if options.val else []
    classes = class_names(options.classes, [*shards, *val_shards])
    with joined_processes(options.device) as device:
        rank, processes = distributed.get_rank(), distributed.get_world_size()
        if options.amp and device.type != "cuda":
            raise ConfigError("--amp needs a GPU")
        each, rest = divmod(options.batch_size, processes)
        if rest:
            raise ConfigError(f"--batch-size {options.batch_size} cannot be divided among {processes} processes")
        content = from_rank_0(lambda: read_checkpoint(options))  # other hosts need not have it
        torch.manual_seed(options.seed)
        network = build(options, len(classes))
        if each < 2 and any(isinstance(module, nn.BatchNorm2d) for module in network.model.modules()):
            raise ConfigError(
                f"{options.network} has batch normalization, which needs 2 images per process, not {each}"
            )
        given: dict[str, Any] = {"data_shape": network.size, "mean": network.mean, "std": network.std}
        given |= {"num_classes": len(classes), "batch_size": each, "device": device}
        given |= {"memory_format": torch.channels_last, "num_threads": options.num_workers or "auto"}
        dtype = torch.float16 if options.amp else torch.float32
        with (
            TrainLog(None if rank else options.file("_train.log"), quiet=rank > 0) as log,
            TrainLoader(shards, targets="boxes", seed=options.seed, dtype=dtype, **given) as loader,
            ValLoader(val_shards, **given) if val_shards else nullcontext() as val,
        ):
            if val is not None:
                val.report.require_countable()
            views = Views() if rank else views_of(str(options.file("")), options, classes, log, loader, val)
            training = Training(options, network, classes, device, log, views)
            training.load(content, loader) if content is not None else training.history.start([])
            with training.stop, training.report.shown(training.at, training.history):
                return training.run(loader, val)


def main(build: Callable[[Options, int], Network] = torchvision_network) -> int:
    """Train with the options of the command line; return the exit code."""
    try:
        return train(tyro.cli(Options), build)
    except DaliSsdError as error:
        print(f"{Path(__file__).stem}: error: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
