"""The process that measures one contender once; see `process`. Request and result are JSON."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dali_ssd.anchors import vgg_anchors
from dali_ssd.bench import contenders
from dali_ssd.bench.measuring.measure import Window, measure
from dali_ssd.bench.measuring.meeting import Meeting
from dali_ssd.bench.measuring.process import in_one_line, serve
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.util.host_pool import choose_host_pool

__all__ = ["Request", "main"]


@dataclass(frozen=True)
class Request:
    """A measurement for the child process."""

    contender: str
    work: Work
    window: Window
    network: str = ""
    """Backbone to train on the contender's batches; empty: only load."""
    cores: tuple[int, ...] = ()
    """Cores to run on; empty: those of the parent."""
    meeting: Meeting = field(default_factory=Meeting)
    """Where to wait for the processes that are measured at the same time."""

    @classmethod
    def read(cls, path: Path) -> Request:
        """Read a request that was written as JSON from `asdict`."""
        fields = json.loads(path.read_text())
        work, window = fields.pop("work"), fields.pop("window")
        work["shards"] = tuple(work["shards"])
        meeting, cores = Meeting(**fields.pop("meeting")), tuple(fields.pop("cores"))
        return cls(work=Work(**work), window=Window(**window), meeting=meeting, cores=cores, **fields)


def main(request: Path, result: Path) -> int:
    """Measure and write `{"measured": ...}`, or `{"error": one line}` if the contender fails; return the exit code."""
    choose_host_pool()  # the same pool for all contenders that use DALI
    try:
        asked = Request.read(request)
        if asked.cores:
            os.sched_setaffinity(0, asked.cores)
        measured = measure(_batches(asked), asked.window, asked.meeting.reached)
        answer: dict[str, object] = {"measured": asdict(measured)}
    except Exception as error:
        traceback.print_exc()
        answer = {"error": in_one_line(error)}
    result.write_text(json.dumps(answer))
    return 1 if "error" in answer else 0


def _batches(request: Request) -> Iterator[WorkBatch]:
    contender = contenders.load(request.contender)
    if not request.network:
        return contender.batches(request.work, vgg_anchors(request.work.data_shape))
    from dali_ssd.bench.training import trained_batches

    return trained_batches(contender, request.work, request.network)


if __name__ == "__main__":
    serve(main)
