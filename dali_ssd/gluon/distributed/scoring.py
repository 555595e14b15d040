"""Score a network in all processes, each on its part of the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dali_ssd.gluon.distributed.meetings import Meetings
from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.evaluate import Found, detect, join
from dali_ssd.launch.signals import StopRequested, StopSignal
from dali_ssd.metrics.detections import detections_from_bytes, detections_to_bytes
from dali_ssd.metrics.scores import Scores, score

__all__ = ["evaluate_together"]


def evaluate_together(
    net: Any, batches: Iterable[Any], classes: Sequence[str], data_shape: int, meetings: Meetings, stop: StopSignal
) -> Scores | None:
    """Return the scores over the batches of all processes in rank 0, None in the others.

    All processes have the same number of batches, of which some may be empty. The scores are those that one process
    would compute: rank 0 puts the parts together again.

    Raises:
        StopRequested: a process has received a signal.
        DatasetError: a label has an id of no class.
    """

    def met(found: Iterable[Found]) -> Iterator[Found]:
        for one in found:
            if stop.hear(meetings.meet("score", stop=stop.received).stop):
                raise StopRequested
            yield one

    images = join(met(detect(net, batches, data_shape)), len(classes))
    content = detections_to_bytes(images) if meetings.workers.size > 1 else b""
    meetings.meet("scored")
    parts = gather(meetings.workers, content)
    if meetings.workers.rank:
        return None
    if meetings.workers.size > 1:
        images = [image for part in parts for image in detections_from_bytes(part)]
    return score(images, classes, data_shape)
