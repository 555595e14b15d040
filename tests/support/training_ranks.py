"""A training run for the tests of engines: one of its processes, which writes down what it sees.

Usage: training_ranks.py ENGINE NETWORK FOLDER, with a launcher's variables. ENGINE is `one` (one process, two devices),
`whole` (the batches of both on one device), `horovod` or `kvstore`; NETWORK is `norm` or `plain` (without batch
normalization). FOLDER has the shards. What each rank has seen is left in FOLDER/ENGINE-NETWORK-RANK.npz. `score` only
scores the weights of FOLDER/weights.npz, in one process on one device, into FOLDER/score-NETWORK-0.npz.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import dali_ssd  # noqa: F401 - lets MXNet be imported on this NumPy

import mxnet as mx  # isort: skip

from dali_ssd.errors import DaliSsdError
from dali_ssd.gluon.distributed.horovod import HorovodWorkers
from dali_ssd.gluon.distributed.kvstore import KVStoreWorkers
from dali_ssd.gluon.distributed.meetings import Meetings
from dali_ssd.gluon.distributed.scoring import evaluate_together
from dali_ssd.gluon.distributed.workers import OneWorker, Workers
from dali_ssd.gluon.networks import zoo
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.launch.signals import StopSignal
from dali_ssd.loader import TrainLoader, ValLoader
from dali_ssd.loader.batch import Batch
from dali_ssd.reporting.log import TrainLog

SIDE, CLASSES, BATCH, EPOCHS = 128, ("circle", "square", "triangle", "star"), 8, 2
RESUMED_AT = 14
"""A step inside the second epoch, of which each has 10."""
CONFIG = TrainConfig(
    epochs=EPOCHS, lr=0.0003, lr_warmup=5, global_batch_size=BATCH, log_interval=4, checkpoint_every=RESUMED_AT,
    checkpoint_keep=99, save_interval=0,
)  # fmt: skip


class NoNorm(mx.gluon.nn.HybridBlock):  # type: ignore[misc]
    """In place of batch normalization, which looks at the images of one device only."""

    def __init__(self, **_: Any) -> None:
        super().__init__()

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return x * 2  # about what keeps the size of what the next layer gets


class SoftNorm(mx.gluon.nn.BatchNorm):  # type: ignore[misc]
    """Batch normalization that does not blow up channels that hardly vary within a batch.

    As it is, a change of the weights by 1e-7 grows to the size of all that 20 steps learn, whatever the engine.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"epsilon": 1.0})


class Watched:
    """A loader that writes down what it hands out, and does something before a step if asked to."""

    def __init__(self, loader: TrainLoader, *, whole: bool) -> None:
        self.loader, self.whole = loader, whole
        self.seen: list[str] = []
        self.before: Callable[[int, Any], None] = lambda step, batch: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self.loader, self.loader._batch):
            self.seen += [
                digest(*parts) for parts in zip(batch.data, batch.cls_targets, batch.box_targets, strict=True)
            ]
            self.before(number, batch)
            yield joined(batch) if self.whole else batch


def joined(batch: Batch) -> Batch:
    """The images of two devices on one."""
    data, classes, boxes = (
        [mx.nd.concat(*(one.as_in_context(mx.cpu(0)) for one in part), dim=0)]
        for part in (batch.data, batch.cls_targets, batch.box_targets)
    )
    return Batch(data, classes, boxes, list)


def digest(*arrays: Any) -> str:
    return hashlib.sha256(b"".join(array.asnumpy().tobytes() for array in arrays)).hexdigest()


def network(kind: str, devices: list[Any]) -> Any:
    mx.random.seed(3)
    np.random.seed(3)
    mx.gluon.nn.BatchNorm = NoNorm if kind == "plain" else SoftNorm
    net = zoo.build_network("mobilenet0.25", SIDE, CLASSES)
    zoo.initialize(net, devices, SIDE)
    return net


def weights(net: Any) -> dict[str, Any]:
    mx.nd.waitall()
    return {name: one.list_data()[0].asnumpy() for name, one in net._collect_params_with_prefix().items()}


class Rank:
    """One process of the run."""

    def __init__(self, engine: str, kind: str, folder: Path) -> None:
        makers: dict[str, Callable[[], Workers]] = {
            "horovod": HorovodWorkers,
            "kvstore": lambda: KVStoreWorkers("dist_sync"),
        }
        self.workers = makers.get(engine, OneWorker)()
        self.rank, self.folder, self.prefix = self.workers.rank, folder, str(folder / f"{engine}-{kind}")
        devices = [mx.cpu(0)] if self.workers.size > 1 else [mx.cpu(0), mx.cpu(1)]
        self.net = network(kind, devices[:1] if engine in ("whole", "score") else devices)
        if self.rank:  # what rank 0 must send
            for parameter in self.net.collect_params(".*(weight|bias|gamma|beta|running).*").values():
                parameter.set_data(mx.nd.zeros(parameter.shape))
        self.start = weights(self.net)
        self.shard = folder / f"train-{self.rank}.rec"
        world: dict[str, Any] = {"world_size": self.workers.size, "rank": self.rank, "ctx": devices}
        options: dict[str, Any] = {"batch_size": BATCH // self.workers.size, "num_threads": 1, **world}
        anchors = zoo.anchors_of(self.net, SIDE)
        loader = TrainLoader(self.shard, anchors=anchors, data_shape=SIDE, seed=5, **options)
        self.loader = Watched(loader, whole=engine == "whole")
        options |= {"ctx": devices[:1]} if engine == "score" else {}
        val = ValLoader(folder / "val.rec", data_shape=SIDE, **options)
        self.stop = StopSignal()
        self.scores: list[float] = []

        def score(net: Any) -> Any:
            """Score, in all processes together."""
            scores = evaluate_together(net, val, CLASSES, SIDE, Meetings(self.workers), self.stop)
            self.scores += [] if scores is None else [scores.mean_ap, scores.coco["AP"]]
            return scores

        self.score = score
        self.trainer = Trainer(
            self.net, self.loader, CONFIG, prefix=self.prefix, score=None if engine == "whole" else score,
            workers=self.workers, stop=self.stop, log=TrainLog(quiet=True),
        )  # fmt: skip
        self.said: dict[str, str] = {}

    def train(self) -> dict[str, Any]:
        self.loader.seen, self.scores = [], []
        self.trainer.run()
        return {"seen": np.array(self.loader.seen), "scores": np.array(self.scores)} | weights(self.net)

    def resume(self) -> None:
        self.stop.received = None
        self.trainer.resume(self.folder / f"{Path(self.prefix).name}_kept.ckpt")

    def keep_checkpoint(self) -> None:
        """Keep the checkpoint inside the epoch under another name, so that a resumed run sets nothing aside."""
        if self.rank == 0:
            shutil.copy(f"{self.prefix}_{RESUMED_AT:08d}.ckpt", f"{self.prefix}_kept.ckpt")

    def fails(self, name: str, before: Callable[[int, Any], None]) -> None:
        """Train from the kept checkpoint on until `before` makes it fail, and write down how it ended, and how soon."""
        self.resume()
        self.loader.before = before
        begin = time.monotonic()
        try:
            result = self.trainer.run()
            self.said[name] = f"exit code {result.exit_code} at step {result.steps}"
        except DaliSsdError as error:
            self.said[name] = f"{type(error).__name__}: {error}"
        self.said[f"{name} seconds"] = str(time.monotonic() - begin)
        self.loader.before = lambda step, batch: None
        if self.rank == 0:
            files = sorted(path.name for path in self.folder.glob(f"{Path(self.prefix).name}_0*.ckpt"))
            self.said[f"{name} files"] = " ".join(files)
            for path in files:
                (self.folder / path).unlink()

    def fail_in_every_way(self) -> None:
        bad = self.rank == 1

        def signaled(step: int, batch: Any) -> None:
            if bad and step == 6:
                os.kill(os.getpid(), signal.SIGTERM)

        def poisoned(step: int, batch: Any) -> None:
            if bad and step == 6:
                batch.box_targets[0][:] = float("nan")

        def full(step: int, batch: Any) -> None:
            if self.rank == 0 and step == 7:
                limits = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))

        def damaged(step: int, batch: Any) -> None:
            if bad and step == 6:
                os.truncate(self.shard, 1000)

        self.fails("signal", signaled)
        self.fails("poison", poisoned)
        room = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.fails("full", full)
        resource.setrlimit(resource.RLIMIT_FSIZE, room)
        self.trainer.config = replace(CONFIG, epochs=20)  # the loader has read ahead
        self.fails("damage", damaged)


def main(engine: str, kind: str, folder: str) -> None:
    one = Rank(engine, kind, Path(folder))
    if engine == "score":
        with np.load(f"{folder}/weights.npz") as stored:
            for name, parameter in one.net._collect_params_with_prefix().items():
                parameter.set_data(mx.nd.array(stored[name]))
        one.score(one.net)
        np.savez(f"{one.prefix}-0.npz", scores=np.array(one.scores))
        return
    with one.workers.peers:
        slow = one.rank == 1
        one.loader.before = lambda step, batch: time.sleep(0.5 if slow and step < 4 else 0)
        runs = {"first": one.train()}
        one.loader.before = lambda step, batch: None
        if kind == "norm":
            one.keep_checkpoint()
            one.resume()
            runs["resumed"] = one.train()
            if one.workers.size > 1:
                one.fail_in_every_way()
        runs["start"] = one.start
        arrays = {f"{run}/{name}": array for run, saw in runs.items() for name, array in saw.items()}
        said = {f"said/{name}": np.array(text) for name, text in one.said.items()}
        contents: dict[str, Any] = arrays | said
        save: Any = np.savez  # its keywords have another type in some releases
        save(f"{one.prefix}-{one.rank}.npz", **contents)


if __name__ == "__main__":
    main(*sys.argv[1:])
