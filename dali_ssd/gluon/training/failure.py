"""The end of a training run by an error: every process hears of it, and what is good is saved."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from mxnet.base import MXNetError

from dali_ssd.errors import PeerError, TrainingError
from dali_ssd.gluon.distributed.meetings import Meetings, ProcessFailed, failed_elsewhere
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.util.words import first_line

__all__ = ["Ending", "end_together", "lost"]


class Ending(NamedTuple):
    """How a training run ended by an error."""

    error: Exception
    """What this process raises."""
    process: int
    """The first process that failed."""
    message: str
    """What it says."""
    saved: bool
    """Whether rank 0 has saved."""
    why_not: str
    """Why `save` failed in rank 0; empty if it did not."""


def end_together(
    error: Exception, meetings: Meetings, part: Callable[[], bytes], save: Callable[[list[bytes]], bool]
) -> Ending:
    """End a run in which this process, or by a ProcessFailed another one, has failed.

    Args:
        error: what this process has caught.
        meetings: of the processes, which all call this.
        part: returns this process's part of a checkpoint. Raises TrainingError if there is nothing good to save.
        save: writes the checkpoint from the parts of all processes, in rank 0; returns whether there was a need to.
    """
    own = None if isinstance(error, ProcessFailed) else error
    if own is not None:
        meetings.fail()
    # After an error inside MXNet some arrays may have been updated, and others not.
    content, good = b"", not isinstance(own, TrainingError | MXNetError)
    if good:
        try:
            content = part()
        except Exception:  # what the other process has failed of reaches this one, too, and explains less
            good = False
    told = _tell(meetings, [getattr(own, "step", None) or sys.maxsize, _words(own), good])
    # What is not finite in one process is not finite in all, a step later.
    _, process, message = min((step, rank, message) for rank, (step, message, _) in enumerate(told) if message)
    saved, why_not = False, ""
    if all(good for *_, good in told):
        parts = gather(meetings.workers, content)
        try:
            saved = save(parts)
        except Exception as why:
            why_not = _words(why)
    # Nobody ends before rank 0 has saved: launchers kill the others as soon as one has.
    saved, why_not = _tell(meetings, [saved, why_not])[0]
    meetings.workers.peers.leave()  # all have heard: nobody need end because another has
    elsewhere = failed_elsewhere(process, message)
    mine = process == meetings.workers.rank
    return Ending((own or elsewhere) if mine else elsewhere, process, message, saved, why_not)


def lost(error: Exception, size: int) -> Exception:
    """Return what to raise for an error inside MXNet, which may be that another process has ended."""
    if size == 1 or not isinstance(error, MXNetError):
        return error
    return PeerError(
        f"MXNet, or its connection to the other processes, has failed ({first_line(error)}): if another process has "
        "ended, its own output says why. Go on from the last checkpoint with --resume auto"
    )


def _tell(meetings: Meetings, words: list[Any]) -> list[list[Any]]:
    """Return what all processes say, by rank."""
    return [json.loads(text) for text in gather(meetings.workers, json.dumps(words).encode())]


def _words(error: Exception | None) -> str:
    return "" if error is None else str(error) or repr(error)
