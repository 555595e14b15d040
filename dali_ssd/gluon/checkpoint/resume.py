"""Save and resume a whole training run as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dali_ssd import __version__
from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import checkpoint_path, keep_newest, read_checkpoint, write_checkpoint
from dali_ssd.gluon.checkpoint.state import (
    optimizer_arrays,
    parameter_arrays,
    random_state,
    restore_arrays,
    restore_random_state,
)
from dali_ssd.gluon.reporting.history import History
from dali_ssd.gluon.reporting.meter import LossMeter
from dali_ssd.gluon.reporting.progress import TrainProgress

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
    """The learning rate asked for; the trainer's is this one after its decays."""
    progress: TrainProgress
    meter: LossMeter
    history: History

    def save(self, prefix: str, keep: int) -> Path:
        """Write a checkpoint, then delete all but the `keep` newest. Raises DaliSsdError if that fails."""
        path = checkpoint_path(prefix, self.progress.step)
        arrays = parameter_arrays(self.net) | optimizer_arrays(self.net, self.trainer)
        write_checkpoint(path, arrays, self._meta())
        keep_newest(prefix, keep)
        return path

    def load(self, path: Path) -> None:
        """Resume from a checkpoint. Raises CheckpointError if it is damaged or belongs to another training run."""
        arrays, meta = read_checkpoint(path)
        _check_identity(path, meta["identity"], self.identity)
        restore_arrays(self.net, self.trainer, arrays)
        self._load_loader(path, meta["loader"], inside_epoch=meta["position"]["batch"] > 0)
        # The same decays, applied to the rate asked for now: a run may be resumed at a smaller one.
        self.trainer.set_learning_rate(meta["lr"] * (self.lr / meta["asked_lr"]))
        self._load_loss_scale(meta["loss_scale"])
        self.progress = TrainProgress(**meta["position"])
        self.meter = LossMeter(**meta["meter"])
        self.history.start(meta["history"])
        restore_random_state(meta["random"], self.seed, self.progress.step)

    def _meta(self) -> dict[str, Any]:
        scaler = getattr(self.trainer, "_amp_loss_scaler", None)
        return {
            "version": __version__,
            "identity": dict(self.identity),
            "lr": self.trainer.learning_rate,
            "asked_lr": self.lr,
            "loss_scale": {name: getattr(scaler, name) for name in _LOSS_SCALE} if scaler else None,
            "position": asdict(self.progress),
            "meter": asdict(self.meter),
            "history": self.history.entries,
            "random": random_state(self.seed, self.progress.step),
            "loader": self.loader.state_dict() if hasattr(self.loader, "state_dict") else None,
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
