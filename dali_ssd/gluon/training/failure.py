"""The end of a training run by an error: every process hears of it, and what is good is saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from mxnet.base import MXNetError

from dali_ssd.errors import DaliSsdError, TrainingError
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
    """Whether `save` was called, and did not fail."""
    why_not: str
    """Why `save` failed; empty if it did not."""


def end_together(
    error: Exception, meetings: Meetings, part: Callable[[], bytes], save: Callable[[list[bytes]], None]
) -> Ending:
    """End a run in which this process, or by a ProcessFailed another one, has failed.

    Args:
        error: what this process has caught.
        meetings: of the processes, which all call this.
        part: returns this process's part of a checkpoint. Raises TrainingError if there is nothing good to save.
        save: writes the checkpoint from the parts of all processes.
    """
    own = None if isinstance(error, ProcessFailed) else error
    if own is not None:
        meetings.fail()
    content, good = b"", not isinstance(own, TrainingError)
    if good:
        try:
            content = part()
        except DaliSsdError as why:
            own, good = own or why, False
    told = [json.loads(text) for text in gather(meetings.workers, json.dumps([_words(own), good]).encode())]
    process = next((rank for rank, (message, _) in enumerate(told) if message), 0)
    why_not = ""
    if all(good for _, good in told):
        try:
            save(gather(meetings.workers, content))
        except DaliSsdError as why:
            good, why_not = False, str(why)
    else:
        good = False
    meetings.workers.peers.leave()  # all have heard: nobody need end because another has
    message = told[process][0]
    return Ending(own or failed_elsewhere(process, message), process, message, good, why_not)


def lost(error: Exception, size: int) -> Exception:
    """Return what to raise for an error inside MXNet, which may be that another process has ended."""
    if size == 1 or not isinstance(error, MXNetError):
        return error
    return TrainingError(
        f"MXNet, or its connection to the other processes, has failed ({first_line(error)}): if another process has "
        "ended, its own output says why. Go on from the last checkpoint with --resume auto"
    )


def _words(error: Exception | None) -> str:
    return "" if error is None else str(error) or repr(error)
