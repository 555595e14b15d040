"""Save and resume a whole training run as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd import __version__
from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import checkpoint_path, keep_newest, pack, read_checkpoint, unpack, write_checkpoint
from dali_ssd.gluon.checkpoint.state import (
    optimizer_arrays,
    parameter_arrays,
    random_state,
    restore_arrays,
    restore_random_state,
    restore_running_copies,
    running_copies,
)
from dali_ssd.reporting.history import History
from dali_ssd.reporting.meter import LossMeter
from dali_ssd.reporting.progress import TrainProgress

__all__ = ["TrainState"]

_LOSS_SCALE = ("_loss_scale", "_next_loss_scale", "_unskipped")


@dataclass
class TrainState:
    """The parts of a training run that change while it runs."""

    net: Any
    trainer: Any
    loader: Any
    """Any iterable of batches; its `state_dict` and `load_state_dict` are used if it has them."""
    identity: Mapping[str, Any]
    """Settings that must be the same in the resumed run: network, classes, batch size and the like."""
    seed: int
    lr: float
    """The learning rate asked for."""
    progress: TrainProgress
    meter: LossMeter
    """Losses of this process since the epoch began; rank 0 of a resumed run begins with those of all."""
    history: History
    rank: int = 0
    """Number of this process."""
    size: int = 1
    """Number of processes."""
    rate: float = field(init=False)
    """The learning rate after its decays, without the warm-up."""

    def __post_init__(self) -> None:
        self.rate = self.lr

    def save(self, prefix: str, keep: int, parts: Sequence[bytes] = ()) -> Path:
        """Write a checkpoint, then delete all but the `keep` newest. Raises DaliSsdError if that fails.

        `parts` are those of all processes, by rank; without them, this process is the only one.
        """
        path = checkpoint_path(prefix, self.progress.step)
        arrays = parameter_arrays(self.net) | optimizer_arrays(self.net, self.trainer)
        loaders, drawn, meter = [], [], LossMeter()
        for copies, meta in map(unpack, parts or [self.part()]):
            arrays |= copies
            loaders.append(meta["loader"])
            drawn.append(meta["random"])
            meter += LossMeter(**meta["meter"])
        write_checkpoint(path, arrays, self._meta() | {"loaders": loaders, "meter": asdict(meter), "random": drawn})
        keep_newest(prefix, keep)
        return path

    def part(self, loader: Any = None) -> bytes:
        """Return what only this process knows; `loader` is the loader's state, by default the one that it is in."""
        state = loader or (self.loader.state_dict() if hasattr(self.loader, "state_dict") else None)
        copies = running_copies(self.net, self.rank * len(self.trainer._contexts))
        drawn = random_state(self.seed + self.rank, self.progress.step)
        return pack(copies, {"loader": state, "meter": asdict(self.meter), "random": drawn})

    def load(self, path: Path, content: bytes | None = None) -> bool:
        """Resume from a checkpoint, or from its `content` if only another process can read it.

        Return whether it goes on where it was taken: with another number of processes, an epoch that had begun begins
        again. Raises CheckpointError if it is damaged or belongs to another training run.
        """
        arrays, meta = read_checkpoint(path, content)
        _check_identity(path, meta["identity"], self.identity)
        restore_arrays(self.net, self.trainer, arrays)
        self.progress = TrainProgress(**meta["position"])
        same: bool = meta["devices"] == [self.size, len(self.trainer._contexts)]
        if same:
            restore_running_copies(self.net, arrays, self.rank * len(self.trainer._contexts))
            self._load_loader(path, meta["loaders"][self.rank], inside_epoch=self.progress.batch > 0)
        elif not self.progress.trained:
            self.progress.batch = 0
        if not same and hasattr(self.loader, "epoch"):
            self.loader.epoch = self.progress.epoch + self.progress.trained
        # The sums over all processes; the others add to them.
        known = self.rank == 0 and (same or self.progress.trained)
        self.meter = LossMeter(**meta["meter"]) if known else LossMeter()
        # The same decays, applied to the rate asked for now: a run may be resumed at a smaller one.
        self.rate = meta["lr"] * (self.lr / meta["asked_lr"])
        self.trainer.set_learning_rate(self.rate)
        self._load_loss_scale(meta["loss_scale"])
        self.history.start(meta["history"])
        drawn = meta["random"][self.rank if same else 0]
        restore_random_state(drawn, self.seed + self.rank, self.progress.step)
        return same

    def _meta(self) -> dict[str, Any]:
        scaler = getattr(self.trainer, "_amp_loss_scaler", None)
        return {
            "version": __version__,
            "identity": dict(self.identity),
            "devices": [self.size, len(self.trainer._contexts)],
            "lr": self.rate,
            "asked_lr": self.lr,
            "loss_scale": {name: getattr(scaler, name) for name in _LOSS_SCALE} if scaler else None,
            "position": asdict(self.progress),
            "history": self.history.entries,
        }

    def _load_loader(self, path: Path, state: Any, *, inside_epoch: bool) -> None:
        if state is not None and hasattr(self.loader, "load_state_dict"):
            self.loader.load_state_dict(state)
        elif inside_epoch:
            raise CheckpointError(f"{path} was taken inside an epoch, and this loader cannot go on there")

    def _load_loss_scale(self, state: Mapping[str, Any] | None) -> None:
        scaler = getattr(self.trainer, "_amp_loss_scaler", None)
        if scaler is not None and state is not None:
            for name in _LOSS_SCALE:
                setattr(scaler, name, state[name])


def _check_identity(path: Path, stored: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    differ = [
        f"{name} was {stored.get(name)!r} and is {here.get(name)!r}"
        for name in sorted(stored.keys() | here.keys())
        if stored.get(name) != here.get(name)
    ]
    if differ:
        raise CheckpointError(f"{path} belongs to another training run: {'; '.join(differ)}")
