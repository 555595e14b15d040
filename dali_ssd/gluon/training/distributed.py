"""The processes of a training run: one, or Horovod's."""

from __future__ import annotations

from typing import Any, Protocol

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.util.optional import require
from dali_ssd.util.parallel import available_cores
from dali_ssd.util.words import counted

__all__ = ["HorovodWorkers", "OneWorker", "Workers", "loader_threads"]


class Workers(Protocol):
    """The processes that train together, as one of them sees them."""

    rank: int
    """Number of this process, from 0; only rank 0 logs, scores and saves."""
    size: int
    """Number of processes."""
    local_size: int
    """Number of processes on this machine, which share its cores."""

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Make a Gluon trainer for an initialized network, with the same weights in every process."""

    def any(self, flag: bool, step: int) -> bool:
        """Return whether `flag` is set in some process, the same in all of them."""


def loader_threads(asked: int, workers: Workers) -> int:
    """Return the loader threads of this process: `asked`, or for 0 its share of the cores."""
    return asked or max(1, available_cores() // workers.local_size)


class OneWorker:
    """A training run in one process, on one device or many."""

    rank = 0
    size = 1
    local_size = 1

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Make a trainer that updates on the devices, not in the key-value store.

        The numbers are the same, and checkpoints can read the momentum (AMP needs it there too).
        """
        trainer = mx.gluon.Trainer(net.collect_params(), "sgd", optimizer, update_on_kvstore=False)
        # Send the weights of the first device to the others now. Otherwise MXNet would do it in the first step, and
        # undo that step's change of the running means.
        trainer.allreduce_grads()
        return trainer

    def any(self, flag: bool, step: int) -> bool:
        """Return `flag`."""
        return flag


class HorovodWorkers:
    """Horovod's processes, one device each: `horovodrun -np 4 dali-ssd train --horovod ...`.

    Raises MissingDependencyError, with the command that builds it, if Horovod is not installed.
    """

    _AGREE_EVERY = 10
    """Steps between two agreements on stopping: each waits for the slowest process."""

    def __init__(self) -> None:
        self._horovod = require("horovod.mxnet")
        self._horovod.init()
        self.rank: int = self._horovod.rank()
        self.size: int = self._horovod.size()
        self.local_rank: int = self._horovod.local_rank()
        self.local_size: int = self._horovod.local_size()

    def device(self) -> Any:
        """Return the GPU of this process; the CPU if the machine has none."""
        gpus = mx.context.num_gpus()
        if not gpus:
            return mx.cpu()
        if self.local_rank >= gpus:
            raise ConfigError(
                f"{self.local_rank + 1} Horovod processes on a machine with {counted(gpus, 'GPU')}: start {gpus}"
            )
        return mx.gpu(self.local_rank)

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Send rank 0's weights to all processes, and make a trainer that averages gradients over them."""
        parameters = net.collect_params()
        self._horovod.broadcast_parameters(parameters, root_rank=0)
        return self._horovod.DistributedTrainer(parameters, "sgd", optimizer)

    def any(self, flag: bool, step: int) -> bool:
        """Agree on `flag` at every tenth step; return False in between."""
        if step % self._AGREE_EVERY:
            return False
        total = self._horovod.allreduce(mx.nd.array([float(flag)]), average=False, name="stop")
        return bool(total.asscalar() > 0)
