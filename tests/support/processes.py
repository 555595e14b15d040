"""Functions run in several processes at once."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

Method = Literal["fork", "spawn"]


def in_processes(
    method: Method, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], limit: float = 240
) -> list[Any]:
    """Return the function's result for each of the arguments. Processes are killed after the limit."""
    # Named one by one: that of either name has no Process, as far as types can tell.
    context = multiprocessing.get_context("fork") if method == "fork" else multiprocessing.get_context("spawn")
    end = time.monotonic() + limit
    started = []
    try:
        for each in arguments:
            get, put = context.Pipe(duplex=False)
            process = context.Process(target=_put, args=(put, function, *each))
            process.start()
            put.close()  # so that only the process has it, and its end shows
            started.append((process, get))
        # Read before they are joined: a process with a long answer does not end before it is taken.
        answers = [_answer(get, end - time.monotonic()) for _, get in started]
        for process, _ in started:
            process.join(max(0.0, end - time.monotonic()))
        codes = [process.exitcode for process, _ in started]
    finally:
        for process, _ in started:
            process.kill()  # else one that hangs would keep the tests from ending
            process.join()
    assert codes == [0] * len(started), f"exit codes {codes} after at most {limit:.0f} s; None hangs"
    return answers


def _answer(get: Any, seconds: float) -> Any:
    try:
        return get.recv() if get.poll(max(0.0, seconds)) else None
    except EOFError:  # it ended without one
        return None


def _put(put: Any, function: Callable[..., Any], *arguments: Any) -> None:
    put.send(function(*arguments))


_WITHOUT_GUARD = """
from dali_ssd.errors import DaliSsdError
from dali_ssd.util.parallel import ordered_map

try:
    list(ordered_map(abs, [1], isolated=True))
except DaliSsdError as error:
    print(error)
"""


def said_without_guard(folder: Path) -> str:
    """Return the error that a script prints which starts workers wherever it is imported, and so in workers too."""
    (folder / "script.py").write_text(_WITHOUT_GUARD)
    command = [sys.executable, str(folder / "script.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
