"""Meetings: points at which all processes hear whether one of them must stop or has failed.

Every process comes to the same meetings in the same order: before each update, each log line, each batch that is
scored, each checkpoint. One that fails anywhere between two meetings comes to the next one, whatever that is for the
others, and says so: nobody waits for what will never come, and all stand at the same step. So whatever else all do
together follows a meeting at once, with nothing in between that can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from signal import SIGINT, SIGTERM, Signals
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import mxnet as mx

from dali_ssd.errors import PeerError, TrainingError
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.distributed.workers import Workers

__all__ = ["Meetings", "Outcome", "ProcessFailed", "failed_elsewhere"]

T = TypeVar("T")
Purpose: TypeAlias = Literal["setup", "step", "log", "share", "score", "scored", "save", "epoch", "failure"]

_NUMBER: dict[Purpose, int] = {
    "setup": 1, "step": 2, "log": 3, "score": 4, "scored": 5, "save": 6, "epoch": 7, "share": 8, "failure": 0,
}  # fmt: skip
"""What is added up to see that all came for the same purpose."""
_VALUES = 2
"""Values at every meeting, so that a process that has failed fits in anywhere."""


class Outcome(NamedTuple):
    """What the processes have told each other."""

    stop: Signals | None
    """The signal that one has received; SIGTERM if some have received either."""
    total: tuple[float, ...]
    """The sums of their values."""


class ProcessFailed(Exception):
    """Raised at a meeting in the processes that have not failed; then all must `gather` what they have to say."""


@dataclass(frozen=True)
class Meetings:
    """The meetings of some processes; of one process alone they cost nothing."""

    workers: Workers

    def meet(self, purpose: Purpose, *, stop: Signals | None = None, values: Sequence[float] = ()) -> Outcome:
        """Meet, with at most two values, and wait for the outcome.

        Raises ProcessFailed if another process has failed.
        """
        if self.workers.size == 1:
            return Outcome(stop, tuple(values))
        flags = [stop == SIGTERM, stop == SIGINT, purpose == "failure", _NUMBER[purpose]]
        numbers = mx.nd.array([*flags, *values, *[0.0] * (_VALUES - len(values))])
        terminated, interrupted, failures, purposes, *sums = self.workers.add(numbers).asnumpy().tolist()
        if failures:
            raise ProcessFailed
        if purposes != _NUMBER[purpose] * self.workers.size:
            raise TrainingError(
                f"process {self.workers.rank} is at the meeting for {purpose!r} and others are elsewhere: do all "
                "processes have the same options, and their loaders the same number of batches?"
            )
        stopping = SIGTERM if terminated else SIGINT if interrupted else None
        return Outcome(stopping, tuple(sums[: len(values)]))

    def fail(self) -> None:
        """Come to the meeting that the others are at, or will be at next, and say that this process has failed."""
        with suppress(ProcessFailed):
            self.meet("failure")

    def jointly(self, action: Callable[[], T]) -> T:
        """Do something that needs no other process in each of them, and go on only if none fails.

        Raises the error of this process; or PeerError with the first one of the others.
        """
        try:
            result = action()
        except Exception as error:
            self.fail()
            self._hear(str(error) or repr(error))
            raise
        try:
            self.meet("setup")
        except ProcessFailed:
            raise self._hear("") from None
        return result

    def _hear(self, message: str) -> PeerError:
        """Hear which process has failed, and leave the others, which do so too."""
        # A file's name need not be text, and who cannot say so would leave the others waiting.
        heard = [text.decode() for text in gather(self.workers, message.encode(errors="backslashreplace"))]
        rank = next((rank for rank, text in enumerate(heard) if text), 0)
        self.workers.peers.leave()
        return failed_elsewhere(rank, heard[rank])


def failed_elsewhere(process: int, message: str) -> PeerError:
    """Return what the other processes raise when one has failed."""
    return PeerError(f"process {process} failed: {message}")
