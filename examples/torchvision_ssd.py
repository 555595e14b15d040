"""Train an SSD of torchvision from shards, in one process or in several, on CPUs or on NVIDIA GPUs.

    python examples/torchvision_ssd.py --train 'data/train*.rec' --val data/test.rec
    torchrun --nproc-per-node 2 examples/torchvision_ssd.py --train 'data/train*.rec' --val data/test.rec

It writes a log, metrics, a curve, the best parameters, and a checkpoint from which `--resume auto` goes on to the bit.
Copy it and change what you like. It is tested on the CPU; on a GPU, and with --amp, it has not run.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from signal import Signals
from typing import Any, Literal, NamedTuple

import torch
import tyro
from torch import distributed, nn

from dali_ssd.errors import CheckpointError, ConfigError, DaliSsdError, TrainingError
from dali_ssd.launch.signals import StopSignal
from dali_ssd.launch.world import announced_world
from dali_ssd.metrics.detections import Detections, detections_from_bytes, detections_to_bytes
from dali_ssd.metrics.scores import Scores, require_metrics, score
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import class_names
from dali_ssd.records.options import ClassNames
from dali_ssd.reporting.history import History
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.meter import LossMeter, StepClock
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.report import Report
from dali_ssd.torch import BoxBatch, TrainLoader, ValLoader, detections
from dali_ssd.util.files import atomic_open
from dali_ssd.util.validation import check_positive, raise_all


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
        raise_all(self, check_positive(self, "batch_size", "epochs", "lr", "val_interval"))

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

    backbone = {"weights_backbone": "DEFAULT" if options.pretrained_backbone else None}
    model: Any = getattr(detection, options.network)(weights=None, num_classes=classes + 1, **backbone)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # with torchvision's 0.03, a short training would be scored with means of long ago
    resizing, model.transform = model.transform, Rendered()
    losses = model.compute_loss
    model.compute_loss = lambda *given: losses(*given) | {"positives": sum((match >= 0).sum() for match in given[-1])}
    # Anchors have the features' type; under --amp, their pixels would be coarse.
    model.anchor_generator.register_forward_pre_hook(lambda _, given: (given[0], [each.float() for each in given[1]]))
    return Network(model, resizing.fixed_size[0], tuple(resizing.image_mean), tuple(resizing.image_std))


class Rendered(nn.Module):  # type: ignore[misc]
    """Stands in for torchvision's resizing and normalization, which the loader has done."""

    def forward(self, images: torch.Tensor, targets: Any = None) -> tuple[Any, Any]:
        """Return images (B, 3, S, S) as torchvision's networks want them, and the targets."""
        from torchvision.models.detection.image_list import ImageList

        return ImageList(images, [tuple(image.shape[-2:]) for image in images]), targets

    def postprocess(self, detections: Any, *sizes: Any) -> Any:
        """Return the detections, which are in the input's pixels, as the labels are."""
        return detections


class Training:
    """A training run: what it changes is in its checkpoint."""

    def __init__(self, options: Options, network: Network, names: Sequence[str], device: Any, log: TrainLog) -> None:
        self.options, self.classes, self.device, self.log = options, names, device, log
        self.rank, self.processes = distributed.get_rank(), distributed.get_world_size()
        self.model = network.model.to(device, memory_format=torch.channels_last)
        self.net = nn.parallel.DistributedDataParallel(self.model) if self.processes > 1 else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), options.lr, weight_decay=options.wd)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.amp)
        self.random: Any = torch.cuda if device.type == "cuda" else torch
        self.clock = StepClock(settle=torch.cuda.synchronize if device.type == "cuda" else lambda: None)
        self.stop, self.at, self.meter = StopSignal(), TrainProgress(), LossMeter()
        self.report = Report(log, None if self.rank else str(options.file("")), silent=self.rank > 0)
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
                distributed.barrier()  # torchrun ends all when one has ended
                return 128 + signal
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
        count, parts = int(losses["positives"]), (losses["classification"], losses["bbox_regression"])
        rows = gathered([*(part.item() * max(count, 1) for part in parts), count, self.stop.received or 0])
        cross_entropy, smooth_l1, total, _ = map(sum, zip(*rows, strict=True))
        if not math.isfinite(cross_entropy + smooth_l1):
            raise TrainingError(f"the loss is not finite at step {self.at.step} (lr={self.rate:g}); try a smaller --lr")
        self.optimizer.zero_grad()
        total = max(total, 1)
        self.scaler.scale(sum(parts) * (max(count, 1) * self.processes / total)).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.meter.add(cross_entropy / total, smooth_l1 / total)
        self.clock.count(self.options.batch_size)
        self.at.batch, self.at.step = self.at.batch + 1, self.at.step + 1
        return int(max(row[-1] for row in rows))

    @property
    def rate(self) -> float:
        """The learning rate."""
        decays = sum(self.at.epoch >= epoch for epoch in self.options.lr_decay_epoch)
        return self.options.lr * 0.1**decays * min(1.0, (self.at.step + 1) / max(self.options.lr_warmup, 1))

    def score(self, val: ValLoader) -> Scores | None:
        """Score the network, and save it if none was better; return the scores in rank 0."""
        for buffer in self.model.buffers():  # running means are each process's own; those of rank 0 are saved
            distributed.broadcast(buffer, 0)
        with torch.inference_mode():
            parts = gathered(detections_to_bytes(detect(self.model, val)))
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

    def load(self, path: Path, loader: TrainLoader) -> None:
        """Go on from a checkpoint. Raises CheckpointError if it is not whole, or belongs to another run."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            theirs = content["identity"]
        except (EOFError, KeyError, OSError, RuntimeError, UnpicklingError) as error:
            raise CheckpointError(f"{path} is no whole checkpoint of this script: {error}") from error
        if theirs != self.identity:
            raise CheckpointError(f"{path} belongs to another training run: {theirs} and not {self.identity}")
        for name in ("model", "optimizer", "scaler"):
            getattr(self, name).load_state_dict(content[name])
        self.at, self.meter = TrainProgress(**content["at"]), LossMeter(**content["meter"])
        self.history.start(content["history"])
        loader.load_state_dict(content["parts"][self.rank]["loader"])
        self.random.set_rng_state(content["parts"][self.rank]["random"])
        self.report.say("Going on from %s: [Epoch %d][Batch %d]", path, self.at.epoch, self.at.batch)


def gathered(own: Any) -> list[Any]:
    """Return the values of all processes, by rank."""
    values = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, own)
    return values


def detect(model: nn.Module, val: ValLoader) -> list[Detections]:
    """Return what a network finds in validation images, with what is there."""
    model.eval()
    batches = (batch for batch in val if len(batch.images))  # of several processes, the last one may have none
    return [found for images, targets in batches for found in detections(model(images), targets)]


@contextmanager
def joined_processes(options: Options) -> Iterator[torch.device]:
    """Meet the other processes, if a launcher has started any, until the end; yield the device of this one."""
    world = announced_world()
    cuda = options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())
    device = torch.device("cuda", world.local_rank if world else 0) if cuda else torch.device("cpu")
    if options.amp and not cuda:
        raise ConfigError("--amp needs a GPU")
    if world and options.batch_size % world.size:
        raise ConfigError(f"--batch-size {options.batch_size} cannot be divided among {world.size} processes")
    if cuda:
        torch.cuda.set_device(device)
    alone: dict[str, Any] = {} if world else {"store": distributed.HashStore(), "rank": 0, "world_size": 1}
    distributed.init_process_group("nccl" if cuda else "gloo", **alone)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def train(options: Options, build: Callable[[Options, int], Network] = torchvision_network) -> int:
    """Train the network that `build` returns; return the exit code. Raises DaliSsdError for what cannot work."""
    if options.val:
        require_metrics()
    own = options.file(".ckpt")
    if own.exists() and not options.resume:
        raise ConfigError(f"there is a checkpoint {own}; go on with --resume auto, or choose another --save-prefix")
    shards, val_shards = expand_paths(options.train), expand_paths(options.val) if options.val else []
    classes = class_names(options.classes, [*shards, *val_shards])
    torch.manual_seed(options.seed)
    network = build(options, len(classes))
    given: dict[str, Any] = {"data_shape": network.size, "mean": network.mean, "std": network.std}
    given |= {"num_classes": len(classes), "memory_format": torch.channels_last}
    dtype = torch.float16 if options.amp else torch.float32
    with joined_processes(options) as device:
        rank, given["batch_size"] = distributed.get_rank(), options.batch_size // distributed.get_world_size()
        with (
            TrainLog(None if rank else options.file("_train.log"), quiet=rank > 0) as log,
            TrainLoader(shards, targets="boxes", seed=options.seed, device=device, dtype=dtype, **given) as loader,
            ValLoader(val_shards, device=device, **given) if val_shards else nullcontext() as val,
        ):
            if val is not None:
                val.report.require_countable()
            training = Training(options, network, classes, device, log)
            if own.exists() or options.resume not in ("", "auto"):
                training.load(own if options.resume == "auto" else Path(options.resume), loader)
            else:
                training.history.start([])
            with training.stop:
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
