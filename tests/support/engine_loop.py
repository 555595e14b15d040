"""A program in place of training: adds numbers up over all ranks, by the engine that its options name.

`train [--horovod | --kvstore dist_sync] [--alone] [--steps N] [...]`: as `dali-ssd train`, it finds the other ranks
first, and SIGTERM or Ctrl-C ends all ranks after a step, when they say so. `--alone` starts the engine without finding
others.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from dali_ssd.errors import DaliSsdError
from dali_ssd.launch.join_horovod import join_horovod
from dali_ssd.launch.join_kvstore import join_kvstore
from dali_ssd.launch.world import announced_world, require_world
from dali_ssd.util.optional import require

PAUSE_S = 0.05
SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""If ranks get different ones, all end with the code of the first of these."""

Sum = Callable[[list[float]], list[float]]


def by_horovod() -> tuple[Sum, int]:
    """How to add up over all ranks, and their number."""
    mx, horovod = require("mxnet"), require("horovod.mxnet")
    horovod.init()
    numbers = iter(range(10**9))
    return lambda each: _list(
        horovod.allreduce(mx.nd.array(each), average=False, name=f"sum {next(numbers)}")
    ), horovod.size()


def by_kvstore() -> tuple[Sum, int]:
    mx = require("mxnet")
    store = mx.kv.create("dist_sync")
    store.init("sum", mx.nd.zeros(3))

    def total(each: list[float]) -> list[float]:
        result = mx.nd.zeros(3)
        store.pushpull("sum", mx.nd.array(each), out=result)
        return _list(result)

    return total, store.num_workers


def _list(array: Any) -> list[float]:
    return [float(each) for each in array.asnumpy()]


def main(options: list[str]) -> int:
    signals: list[int] = []
    world = announced_world()
    assert world is not None
    horovod, kvstore = "--horovod" in options, "--kvstore" in options
    with contextlib.ExitStack() as peers:
        if "--alone" not in options:
            peers.enter_context((join_horovod if horovod else join_kvstore)(world))
        total, size = by_horovod() if horovod else by_kvstore() if kvstore else (list, 1)
        require_world(world, size, "Horovod" if horovod else "the key-value store" if kvstore else "training")
        for number in SIGNALS:
            signal.signal(number, lambda received, _: signals.append(received))
        print(f"rank {world.rank} of {size}, {world.launcher}, resume={'--resume' in options}", flush=True)
        for _ in range(int(options[options.index("--steps") + 1]) if "--steps" in options else 3):
            ranks, *stop = total([world.rank + 1.0, *(float(number in signals) for number in SIGNALS)])
            if any(stop):
                print(f"rank {world.rank} saves", flush=True)
                return 128 + next(number for number, asked in zip(SIGNALS, stop, strict=True) if asked)
            time.sleep(PAUSE_S)
        print(f"rank {world.rank} has the sum {ranks:.0f}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except DaliSsdError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(error.exit_code)  # engines may wait for the others at exit
