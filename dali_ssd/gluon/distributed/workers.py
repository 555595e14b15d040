"""The processes that train together: what each engine offers, and the only process of a run without an engine."""

from __future__ import annotations

from typing import Any, Protocol

import mxnet as mx

from dali_ssd.errors import ConfigError
from dali_ssd.launch.peers import Peers

__all__ = ["OneWorker", "Workers", "plain_parameters"]


class Workers(Protocol):
    """The processes that train together, as one of them sees them."""

    rank: int
    """Number of this process, from 0; only rank 0 logs and saves."""
    size: int
    """Number of processes."""
    local_rank: int
    """Number of this process among those of this machine, from 0."""
    local_size: int
    """Number of processes on this machine, which share its cores."""
    peers: Peers
    """A context of all that the processes do together; they leave when they have agreed to end."""

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Make a Gluon trainer for an initialized network, with the weights of rank 0 in every process.

        `step(1)` updates with the sum of all processes' gradients.
        """

    def add(self, values: Any) -> Any:
        """Begin to sum a (k,) float32 NDArray of the CPU over all processes; return the sum, for which reading waits.

        All processes call it in the same order with the same k, and read a sum before they ask for the next.
        """

    def abandon(self) -> None:
        """Prepare for ending this process though the others wait for it, so that it does not wait for them."""


def plain_parameters(net: Any) -> Any:
    """Return the parameters of a network on one device, in arrays of their own in the plain layout.

    On a CPU, the forward pass that finds the shapes leaves weights in oneDNN's layout, which neither Horovod nor the
    key-value store can send ("Check failed: !IsMKLDNNData()"), and assigning to such an array keeps its layout.
    """
    parameters = net.collect_params()
    parameters.reset_ctx(parameters.list_ctx())
    return parameters


class OneWorker:
    """A training run in one process, on one device or many.

    `kvstore` is MXNet's store that sums over the devices: `device`, `local` or `nccl`.
    """

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    def __init__(self, kvstore: str = "device") -> None:
        try:
            # Only to see whether this MXNet has it: a trainer of one device would not ask.
            mx.kv.create(kvstore)
        except mx.base.MXNetError as error:
            raise ConfigError(
                f"--kvstore {kvstore}: this build of MXNet has none ({str(error).splitlines()[-1]}); leave it out, or "
                "install an MXNet that was built with it"
            ) from error
        self.peers = Peers(self.rank)
        self._kvstore = kvstore

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Make a trainer that updates on the devices, not in the key-value store.

        The numbers are the same, and checkpoints can read the momentum (AMP needs it there too).
        """
        trainer = mx.gluon.Trainer(
            net.collect_params(), "sgd", optimizer, kvstore=self._kvstore, update_on_kvstore=False
        )
        # Send the weights of the first device to the others now. Otherwise MXNet would do it in the first step, and
        # undo that step's change of the running means.
        trainer.allreduce_grads()
        return trainer

    def add(self, values: Any) -> Any:
        """Return `values`."""
        return values

    def abandon(self) -> None:
        """Nobody waits."""
