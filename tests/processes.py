"""Functions run in several processes at once."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

Method = Literal["fork", "spawn"]


def in_processes(
    method: Method, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], limit: float = 300
) -> list[Any]:
    """What the function answers to each of the arguments, in any order. None of the processes outlives the limit."""
    context = multiprocessing.get_context(method)
    answers = context.SimpleQueue()
    processes = [context.Process(target=_put, args=(answers, function, *each)) for each in arguments]
    end = time.monotonic() + limit
    for process in processes:
        process.start()
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()  # else one that hangs would keep the tests from ending
        process.join()
    assert codes == [0] * len(processes), f"exit codes {codes} after at most {limit:.0f} s; None hangs"
    return [answers.get() for _ in processes]


def _put(answers: Any, function: Callable[..., Any], *arguments: Any) -> None:
    answers.put(function(*arguments))
