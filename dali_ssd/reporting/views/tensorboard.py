"""A training run as event files for TensorBoard, by tensorboardX.

Its `SummaryWriter` hands events to a thread, which ends by an error such as a full disk without a word, and then the
training would wait for it forever. So events are written here, by the writer of records below that one: rarely
enough, and an error is heard of.
"""

from __future__ import annotations

import base64
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dali_ssd.pages.elements import Picture
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.facts import RunFacts
from dali_ssd.reporting.views.gallery import Seen
from dali_ssd.reporting.views.view import Status
from dali_ssd.util.files import make_folder, require_folder
from dali_ssd.util.optional import require

__all__ = ["TensorBoardView"]

_log = logging.getLogger(__name__)

_TAGS = {
    "cross_entropy": "loss/cross_entropy",
    "smooth_l1": "loss/smooth_l1",
    "lr": "rate/learning_rate",
    "speed": "speed/images_per_second",
    "data_share": "speed/waiting_for_data",
    "map": "score/mAP_VOC07",
    "coco_ap": "score/AP_COCO",
}
"""Tags of the fields of entries; those of epochs have `epoch/` in front, those of some steps `step/`."""


class TensorBoardView:
    """Writes scalars of log intervals and epochs, the samples, and the options as text; the step is that of training.

    A resumed run begins a further file. It tells TensorBoard that steps after the checkpoint are void.

    Args:
        folder: that `tensorboard --logdir` is given, one for each run.
        run: what stays the same.
        clock: returns seconds.

    Raises:
        MissingDependencyError: tensorboardX is not installed.
        ConfigError: the folder is a file.
        DaliSsdError: it cannot be written.
    """

    FLUSH_S = 10.0
    """Seconds of what is lost at most if the process is killed."""

    def __init__(self, folder: str | Path, run: RunFacts, clock: Callable[[], float] = time.monotonic) -> None:
        self._open = require("tensorboardX.record_writer").RecordWriter
        self._proto = require("tensorboardX.proto.event_pb2")
        self._summaries = require("tensorboardX.proto.summary_pb2")
        self._text = require("tensorboardX.summary").text
        require_folder("--tensorboard", folder)
        make_folder(Path(folder))
        self.name = f"event files in {folder}"
        self._folder, self._run, self._clock = Path(folder), run, clock
        self._writer: Any = None
        self._flushed = clock()

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        """Begin a file; in that of a resumed run, events after the checkpoint's step are void.

        Those of another run are void too, which a warning says.
        """
        if not at.step and any(self._folder.glob("events.out.*")):
            _log.warning(
                "%s has events of another run, which TensorBoard will hide; give each run a folder of its own by "
                "--tensorboard",
                self._folder,
            )
        # By this name TensorBoard finds it; by the step no two files of a run are one, and by the process no two runs'.
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{at.step:08d}.{os.getpid()}"
        self._writer = self._open(str(self._folder / name))
        self._write(file_version="brain.Event:2")
        start = self._proto.SessionLog(status=self._proto.SessionLog.START)
        # TensorBoard drops what other files have from this step on; the checkpoint's own step is done.
        self._write(step=at.step + 1 if at.step else 0, session_log=start)
        self._add(at.step, self._text("options", _as_markdown(self._run)))
        self._flush()

    def step(self, entry: Entry) -> None:
        """Write the numbers of some steps."""
        self._add(entry["step"], self._scalars(_tagged("step", entry)))
        if self._clock() >= self._flushed + self.FLUSH_S:
            self._flush()

    def epoch(self, entries: Sequence[Entry], seen: Seen | None) -> None:
        """Write the numbers of an epoch, the average precision of each class, and the samples."""
        entry = entries[-1]
        numbers = _tagged("epoch", entry)
        numbers |= {f"class_AP/{name}": value for name, value in (entry.get("ap") or {}).items() if value is not None}
        self._add(entry["step"], self._scalars(numbers))
        for number, picture in enumerate(seen.samples.values() if seen is not None else ()):
            self._add(entry["step"], self._image(f"samples/{number}", picture))
        self._flush()

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        """Write how the run ended, and close the file."""
        step = max((int(entry.get("step") or 0) for entry in entries), default=0)
        self._add(step, self._text("end", f"{status.kind}: {status.text}" if status.text else status.kind))
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _add(self, step: int, summary: Any) -> None:
        self._write(step=step, summary=summary)

    def _write(self, **fields: Any) -> None:
        content = self._proto.Event(wall_time=time.time(), **fields).SerializeToString()
        self._safely(lambda writer: writer.write(content))

    def _flush(self) -> None:
        self._safely(lambda writer: writer.flush())
        self._flushed = self._clock()

    def _safely(self, action: Callable[[Any], object]) -> None:
        """Do something with the writer, unless there was an error before: its file may end anywhere then."""
        if self._writer is None:
            return
        try:
            action(self._writer)
        except OSError:
            writer, self._writer = self._writer, None
            with suppress(OSError):
                writer.close()
            raise

    def _scalars(self, numbers: dict[str, float]) -> Any:
        value = self._summaries.Summary.Value
        return self._summaries.Summary(value=[value(tag=tag, simple_value=number) for tag, number in numbers.items()])

    def _image(self, tag: str, picture: Picture) -> Any:
        content = base64.b64decode(picture.uri.partition(",")[2])
        image = self._summaries.Summary.Image(
            height=picture.height, width=picture.width, colorspace=3, encoded_image_string=content
        )
        return self._summaries.Summary(value=[self._summaries.Summary.Value(tag=tag, image=image)])


def _tagged(kind: str, entry: Entry) -> dict[str, float]:
    """Return the numbers of an entry by their tags, without those that are not known."""
    return {f"{kind}/{tag}": entry[name] for name, tag in _TAGS.items() if isinstance(entry.get(name), int | float)}


def _as_markdown(run: RunFacts) -> str:
    """Return the options as a table, as TensorBoard shows texts."""
    rows = [f"| {one.name} | {_cell(one.value)} | {_cell(one.default)} |" for one in run.options]
    return "\n".join(["| option | value | default |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
