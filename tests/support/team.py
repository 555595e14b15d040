"""Several processes that train together, as threads of this one: they add up at a barrier, as engines do over a wire.

For what is built on an engine. The engines themselves run in `tests/engines`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np

from dali_ssd.launch.peers import Peers

LIMIT_S = 20
"""Nobody waits longer for the others: a test fails where a run would hang."""


class Member:
    """One of the processes; see `dali_ssd.gluon.distributed.workers.Workers`."""

    def __init__(self, rank: int, size: int, barrier: Barrier, table: list[Any]) -> None:
        self.rank = self.local_rank = rank
        self.size = self.local_size = size
        self.peers: Peers = _Peers(self)
        self.left = False
        """Whether it has left the others."""
        self.additions = 0
        """How often it has added up."""
        self._barrier, self._table = barrier, table

    def trainer(self, net: Any, optimizer: dict[str, float]) -> Any:
        raise NotImplementedError

    def abandon(self) -> None:
        raise NotImplementedError

    def add(self, values: Any) -> Any:
        import mxnet as mx

        self.additions += 1
        self._table[self.rank] = values.asnumpy()
        self._barrier.wait(LIMIT_S)
        parts = list(self._table)
        self._barrier.wait(LIMIT_S)
        assert {part.shape for part in parts} == {(values.size,)} and parts[0].dtype == np.float32, parts
        return mx.nd.array(np.sum(parts, axis=0, dtype=np.float32))


class _Peers(Peers):
    def __init__(self, member: Member) -> None:
        super().__init__(member.rank)
        self._member = member

    def leave(self) -> None:
        self._member.left = True
        super().leave()


def together(size: int, action: Callable[[Member], Any]) -> list[Any]:
    """What an action returns in each process, or the exception that it raises there."""
    barrier, table = Barrier(size), [None] * size

    def run(rank: int) -> Any:
        try:
            return action(Member(rank, size, barrier, table))
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(run, range(size)))
