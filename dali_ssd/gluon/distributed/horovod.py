"""Horovod's processes, one device each."""

from __future__ import annotations

from typing import Any

from dali_ssd.gluon.distributed.workers import plain_parameters
from dali_ssd.launch.join_horovod import join_horovod
from dali_ssd.launch.peers import Peers
from dali_ssd.launch.world import announced_world, require_world
from dali_ssd.util.optional import require

__all__ = ["HorovodWorkers"]


class HorovodWorkers:
    """Horovod's processes, one device each, under any launcher that `launch.world` knows.

    Raises:
        MissingDependencyError: Horovod is not installed; with the command that builds it.
        ConfigError: the launcher has started more processes than Horovod sees.
    """

    def __init__(self) -> None:
        self._horovod = require("horovod.mxnet")
        world = announced_world()
        self.peers = join_horovod(world) if world else Peers(0)
        self._horovod.init()
        require_world(world, self._horovod.size(), "Horovod")
        self.rank: int = self._horovod.rank()
        self.size: int = self._horovod.size()
        self.local_rank: int = self._horovod.local_rank()
        self.local_size: int = self._horovod.local_size()

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Send rank 0's weights to all processes, and make a trainer that adds up gradients over them."""
        parameters = plain_parameters(net)
        self._horovod.broadcast_parameters(parameters, root_rank=0)
        trainer = self._horovod.DistributedTrainer(parameters, "sgd", optimizer)
        # It takes the mean over the processes, by a factor in the update or in the sum; the loss needs the sum.
        trainer._scale *= self.size
        return trainer

    def add(self, values: Any) -> Any:
        """Begin to sum over all processes."""
        return self._horovod.allreduce(values, average=False, name=f"add {values.size}")

    def abandon(self) -> None:
        """Horovod tells the others when this process ends."""
