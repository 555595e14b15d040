"""Two hosts on one machine: network namespaces that a pair of virtual interfaces joins. Needs root and `ip`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.paths import ROOT

__all__ = ["ADDRESSES", "LINK", "TwoHosts", "two_hosts"]

ADDRESSES = ("10.97.53.1", "10.97.53.2")
LINK = "ssdlink"
"""The interface of each host to the other."""
_SETTINGS = Path("/etc/netns")
"""Where `ip netns exec` finds files that take the place of those of /etc."""


class TwoHosts:
    """Processes on two hosts; they end with it."""

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, host: int, code: str, *arguments: object, **environment: object) -> subprocess.Popen[str]:
        """Start Python with `code` on a host, in a process group of its own."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.names[host], sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in environment.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """End all processes and what they have started."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@contextmanager
def two_hosts() -> Iterator[TwoHosts]:
    """Make two hosts, or skip the test where that is not allowed."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("two hosts need root and `ip` (apt-get install iproute2)")
    hosts = TwoHosts((f"ssd-{os.getpid()}-0", f"ssd-{os.getpid()}-1"))
    try:
        _join(hosts.names)
        yield hosts
    finally:
        hosts.end()
        for name in hosts.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
            shutil.rmtree(_SETTINGS / name, ignore_errors=True)


def _join(names: tuple[str, str]) -> None:
    made = subprocess.run(["ip", "netns", "add", names[0]], check=False, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    _ip("netns", "add", names[1])
    _ip("link", "add", LINK, "netns", names[0], "type", "veth", "peer", "name", LINK, "netns", names[1])
    for name, address in zip(names, ADDRESSES, strict=True):
        for command in (("addr", "add", f"{address}/24", "dev", LINK), ("link", "set", LINK, "up")):
            _ip("-n", name, *command)
        _ip("-n", name, "link", "set", "lo", "up")
        # Horovod's second context does not know HOROVOD_GLOO_IFACE, but looks up the name of its host.
        (_SETTINGS / name).mkdir(parents=True)
        (_SETTINGS / name / "hosts").write_text(f"127.0.0.1 localhost\n{address} {socket.gethostname()}\n")


def _ip(*command: str) -> None:
    subprocess.run(["ip", *command], check=True, capture_output=True, timeout=30)
