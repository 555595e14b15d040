"""Which other hosts the agent reaches. Asking may take half a minute, and ends when a signal comes."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from typing import IO

from dali_ssd.launch.start.rank import agent_command, say
from dali_ssd.launch.start.supervisor import Events
from dali_ssd.util.processes import how_ended

__all__ = ["unreached", "wait_until_reached"]

_PROBE_S = 30.0
"""Seconds in which a host must answer."""
_PATIENCE_S = 300.0
"""Seconds in which hosts that have gone must come back: a machine starts in a few minutes."""
_PAUSES_S = (1.0, 30.0)
"""The first and the longest pause between two tries; each is twice as long as the one before."""
_POLL_S = 0.05


def unreached(agent: str, hosts: Iterable[str], events: Events) -> dict[str, str]:
    """Return the hosts on which the agent can run nothing, and why. A signal ends the wait for their answers."""
    if not agent:
        return dict.fromkeys(hosts, "without --agent")
    probes = {host: _Probe(agent_command(agent, host, ["true"])) for host in hosts}
    end = time.monotonic() + _PROBE_S
    while time.monotonic() < end and events.empty() and any(one.running for one in probes.values()):
        time.sleep(_POLL_S)
    reasons = {host: one.reason() for host, one in probes.items()}
    return {host: reason for host, reason in reasons.items() if reason}


def wait_until_reached(agent: str, hosts: Iterable[str], events: Events) -> None:
    """Return once the agent reaches all these hosts again, after five minutes, or when a signal comes."""
    end = time.monotonic() + _PATIENCE_S
    pause, longest = _PAUSES_S
    told = False
    while (missing := unreached(agent, hosts, events)) and events.empty() and time.monotonic() < end:
        if not told:
            reasons = "; ".join(f"{host} is not reached ({reason})" for host, reason in missing.items())
            say(f"{reasons}; waiting up to {_PATIENCE_S / 60:.0f} minutes before all ranks start again")
            told = True
        _sleep(min(pause, end - time.monotonic()), events)
        pause = min(2 * pause, longest)


def _sleep(seconds: float, events: Events) -> None:
    """Wait, at most until a signal comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and events.empty():
        time.sleep(_POLL_S)


class _Probe:
    """A command that does nothing on a host."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `reason` closes it
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = ""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                start_new_session=True,  # Ctrl-C is for the launcher
            )
        except OSError as error:
            self._failed = str(error)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def reason(self) -> str:
        """Return why the host is not reached; nothing if it is. Ends the command."""
        with self._said:
            if self._process is None:
                return self._failed
            if self.running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                return f"{shlex.join(self._command)}: no answer in {_PROBE_S:.0f} s"
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
        code = self._process.returncode
        return f"{shlex.join(self._command)}: {lines[-1] if lines else how_ended(code)}" if code else ""
