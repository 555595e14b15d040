"""The process beside each rank, on the rank's host: it starts the rank, hands signals on to it, and ends it.

What starts processes on another host, such as ssh, hands no signals on, and what it has started outlives it. But the
standard input of that ends: `python -m dali_ssd.launch.start.keeper` reads there first what to run, and then numbers of
signals; at its end, or if the launcher is killed, it kills the rank.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from threading import Thread

from dali_ssd.util.processes import die_with

__all__ = ["main"]


def main() -> int:
    """Run what standard input says until it ends; return its exit code, or 128 + the number of the signal."""
    lines = io.FileIO(sys.stdin.fileno(), closefd=False)  # a buffer's lock would break the exit
    order = json.loads(lines.readline())
    try:
        os.chdir(order["folder"])
    except OSError as error:
        print(f"dali-ssd: error: no folder {order['folder']} on this host: {error.strerror}", file=sys.stderr)
        return 2
    process = subprocess.Popen(
        order["command"],
        env={**os.environ, **order["environment"]},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches it through the launcher alone
        preexec_fn=partial(die_with, os.getpid()),
    )
    Thread(target=_hand_on, args=(process, lines), daemon=True).start()
    code = process.wait()
    _kill(process)
    return code if code >= 0 else 128 - code


def _hand_on(process: subprocess.Popen[bytes], lines: Iterable[bytes]) -> None:
    """Send the process the signals that the lines name; kill it when they end."""
    for line in lines:
        if int(line) == signal.SIGKILL:
            break
        process.send_signal(int(line))
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
