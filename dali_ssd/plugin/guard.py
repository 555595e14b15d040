"""A program that runs a command, and kills it with all that it has started once its own stdin ends.

That is when the process at the other end of the pipe has ended, however it did. It must lead a group of processes, and
imports nothing of this package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

__all__ = ["run_guarded"]


def run_guarded(command: list[str]) -> int:
    """Return the exit code of the command."""
    threading.Thread(target=_watch, daemon=True).start()
    return subprocess.call(command, stdin=subprocess.DEVNULL)


def _watch() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    try:
        code = run_guarded(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]} does not start: {error.strerror}")
    sys.exit(code if code >= 0 else 128 - code)
