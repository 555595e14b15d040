"""Processes of this benchmark: `python -m MODULE REQUEST RESULT PARENT`, both sides.

REQUEST and RESULT are files, because what is measured prints to stdout; PARENT is the id of the process that waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from dali_ssd.bench.measuring.devices import GPU_ORDER, Device
from dali_ssd.errors import DaliSsdError
from dali_ssd.util.processes import die_with, how_ended

__all__ = ["end_group", "in_one_line", "last_words", "serve", "start_python"]

_CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder with the package in it."""


def start_python(
    module: str, request: Path, result: Path, device: Device | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a module of this package, which calls `serve`, in a process group of its own.

    It sees `device` only, if one is given, and prints to `log`, by default to stderr of this process.
    """
    # The child must import this package, also from a checkout that is not installed.
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), os.environ.get("PYTHONPATH")]))
    with log.open("wb") if log else os.fdopen(os.dup(2), "wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(request), str(result), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **GPU_ORDER, **(device.environment if device else {}), "PYTHONPATH": path},
            start_new_session=True,
        )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process of `start_python` and all that it started: workers can outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(code: int, log: Path) -> str:
    """Explain why a process ended without an answer, for example if it was killed for lack of memory."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"the process {how_ended(code)}" + (f": {lines[-1].strip()}" if lines else "")


def serve(main: Callable[[Path, Path], int]) -> NoReturn:
    """Be such a process: call `main(request, result)` and end with its exit code, or when the parent dies."""
    die_with(int(sys.argv[3]))
    code = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    # The result is written: skip what libraries do at exit, such as waiting for workers.
    os._exit(code)


def in_one_line(error: BaseException) -> str:
    """Return the first line of an error with its class, which our own errors need not have: they say what to do."""
    lines = str(error).strip().splitlines() or [""]
    return f"{'' if isinstance(error, DaliSsdError) else f'{type(error).__name__}: '}{lines[0]}"
