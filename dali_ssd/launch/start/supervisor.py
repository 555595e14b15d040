"""Watch the ranks of a run: when one fails, end the others; when a signal comes, hand it on."""

from __future__ import annotations

import math
import queue
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType

from dali_ssd.launch.peers import PEER_ENDED
from dali_ssd.launch.start.rank import RankProcess, say
from dali_ssd.util.processes import how_ended

__all__ = ["Events", "Outcome", "Supervisor", "signals_into"]

GRACE_S = 10.0
"""Seconds from the failure of a rank to the end by force of the others, which may be saving a checkpoint."""
_CAUSE_S = 3.0
"""Seconds in which a rank that has failed by itself must end, after one that has ended because of it."""
_GIVE_UP_S = 5.0
"""Seconds that an agent gets to tell that a rank was killed: its host may be gone."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NO_RANK = -1

Events = SimpleQueue[tuple[int, int]]
"""Rank and exit code of each rank that has ended; no rank and the number of each signal that has come."""


@dataclass(frozen=True)
class Outcome:
    """How a run has ended."""

    code: int
    """Exit code of the first rank that failed, where 128 + its number is that of a signal; 0 if none did."""
    stopped: bool
    """Whether a signal has asked the launcher to stop."""


@contextmanager
def signals_into(events: Events) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into events. A context of the main thread.

    SIGHUP, the end of the terminal, asks to stop as SIGTERM does, unless it is ignored, as under nohup. Terminal and
    shell may both send it: a second one does not mean haste.
    """

    def note(number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
            number = signal.SIGTERM
        events.put((_NO_RANK, number))

    heard = [*_SIGNALS, *([] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP])]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Supervisor:
    """Waits for the end of all ranks.

    If one fails, the others get SIGTERM, and SIGKILL ten seconds later. The first signal goes to all of them, and they
    save; the second one ends them at once.
    """

    def __init__(self, ranks: Sequence[RankProcess], events: Events) -> None:
        self._running = {one.rank: one for one in ranks}
        self._events = events
        self._stopped = False
        self._asked = 0
        """The last signal that all ranks got; 0 if none."""
        self._code = 0
        self._end_at = math.inf
        """When to ask what is still running to end, as `time.monotonic()`."""
        self._force_at = math.inf
        """When to end it by force."""

    def run(self) -> Outcome:
        """Return how the ranks have ended, once they have."""
        while self._running:
            wait_s = max(0.0, min(self._end_at, self._force_at) - time.monotonic())
            try:
                rank, number = self._events.get(timeout=None if wait_s == math.inf else wait_s)
            except queue.Empty:
                self._end_others()
                continue
            if rank == _NO_RANK:
                self._hand_on(signal.Signals(number))
            else:
                self._note_end(rank, number)
        return Outcome(self._code, self._stopped)

    def _hand_on(self, number: signal.Signals) -> None:
        if self._stopped or self._asked:
            self._force_at = 0.0
        else:
            self._send(number)
        self._stopped = True

    def _note_end(self, rank: int, code: int) -> None:
        del self._running[rank]
        if code == 128 + self._asked:
            self._code = self._code or code
        elif _weight(code) > _weight(self._code):
            self._code = code
            if code != PEER_ENDED:  # it has said so itself
                say(f"rank {rank} {how_ended(code)}")
        if self._code and self._code != 128 + self._asked:
            wait_s = 0.0 if _weight(self._code) == _CAUSE else _CAUSE_S
            self._end_at = min(self._end_at, time.monotonic() + wait_s)

    def _end_others(self) -> None:
        now = time.monotonic()
        if self._end_at <= now:
            self._end_at = math.inf
            self._force_at = min(self._force_at, now + GRACE_S)
            if not self._asked:  # a second signal would keep them from saving
                self._send(signal.SIGTERM)
        elif self._force_at <= now:
            self._end_by_force()

    def _end_by_force(self) -> None:
        if self._asked == signal.SIGKILL:
            for one in self._running.values():
                one.give_up()
        self._send(signal.SIGKILL)
        self._force_at = time.monotonic() + _GIVE_UP_S

    def _send(self, number: signal.Signals) -> None:
        self._asked = number
        for one in self._running.values():
            one.send(number)


_CAUSE = 3


def _weight(code: int) -> int:
    """Return how much an exit code tells about the cause, which may be seen after its consequences."""
    if code in (0, PEER_ENDED):
        return 0 if code == 0 else 1
    return 2 if code == 128 + signal.SIGABRT else _CAUSE  # Horovod aborts when another rank has ended
