"""The workers of MXNet's distributed key-value store, one device each."""

from __future__ import annotations

import ctypes
from typing import Any

import mxnet as mx

from dali_ssd.gluon.distributed.workers import plain_parameters
from dali_ssd.launch.join_kvstore import join_kvstore
from dali_ssd.launch.peers import Peers
from dali_ssd.launch.world import announced_world, require_world

__all__ = ["KVStoreWorkers"]

_FIRST_KEY = 1_000_000
"""Trainers number their parameters from 0."""
_SMALL = 8
_PIECE = 1 << 20
"""Numbers that are summed under one key: a key keeps its size on the servers for good."""


class KVStoreWorkers:
    """The workers of `dist_sync` or `dist_device_sync`, under any launcher that `launch.world` knows.

    Raises ConfigError if the launcher has started more processes than the store has workers.
    """

    def __init__(self, kvstore: str) -> None:
        world = announced_world()
        self.peers = join_kvstore(world) if world else Peers(0)
        self._store = mx.kv.create(kvstore)
        require_world(world, self._store.num_workers, f"--kvstore {kvstore}")
        # The store numbers its workers as they come. Roles that were started by hand have no other numbers, and say
        # nothing of who shares a machine.
        self.rank: int = world.rank if world else self._store.rank
        self.size: int = self._store.num_workers
        self.local_rank: int = world.local_rank if world else 0
        self.local_size: int = world.local_size if world else 1
        for key, size in enumerate((_SMALL, _PIECE), _FIRST_KEY):
            self._store.init(key, mx.nd.zeros(size))

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        """Send rank 0's weights to all workers, and make a trainer that adds up gradients on the servers."""
        trainer = mx.gluon.Trainer(
            plain_parameters(net), "sgd", optimizer, kvstore=self._store, update_on_kvstore=False
        )
        trainer.allreduce_grads()  # which sends the weights first; see `OneWorker.trainer`
        return trainer

    def add(self, values: Any) -> Any:
        """Begin to sum over all workers."""
        if values.size <= _SMALL:
            return self._add(_FIRST_KEY, _SMALL, values)
        pieces = [values[start : start + _PIECE] for start in range(0, values.size, _PIECE)]
        return mx.nd.concat(*[self._add(_FIRST_KEY + 1, _PIECE, piece) for piece in pieces], dim=0)

    def abandon(self) -> None:
        """Do not wait for the others when this process ends, as the store does otherwise."""
        mx.base.check_call(mx.base._LIB.MXKVStoreSetBarrierBeforeExit(self._store.handle, ctypes.c_int(0)))

    def _add(self, key: int, size: int, values: Any) -> Any:
        padded = mx.nd.concat(values, mx.nd.zeros(size - values.size), dim=0) if values.size < size else values
        total = mx.nd.zeros(size)
        self._store.pushpull(key, padded, out=total)
        return total[: values.size]
