"""Views of a training run: what they are told, and that none of them can end it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeVar

from dali_ssd.metrics.detections import Detections
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.gallery import Gallery, Seen

__all__ = ["Status", "View", "Views"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """Where a run is."""

    kind: Literal["running", "ended", "stopped", "failed"]
    text: str = ""
    """Why it stopped or failed, and how to go on."""


class View(Protocol):
    """Something that shows a run. Its methods may raise anything; `Views` says so once."""

    name: str
    """What it writes, for a warning."""

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        """Begin, or go on from where a checkpoint was taken, with the history until then."""

    def step(self, entry: Entry) -> None:
        """Take the entry of some steps."""

    def epoch(self, entries: Sequence[Entry], seen: Seen | None) -> None:
        """Take the history at the end of an epoch, and what the network saw if it was scored."""

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        """Take the history at the end of the run."""


class Views:
    """The views of a run. What fails in one is logged once, as a warning: a long run must not end because of a picture.

    Args:
        views: they are called in turn.
        gallery: draws validation images; None if there are none.
    """

    def __init__(self, views: Sequence[View] = (), gallery: Gallery | None = None) -> None:
        self._views, self._gallery = views, gallery
        self._failed: set[str] = set()

    def begin(self, entries: Sequence[Entry], at: TrainProgress) -> None:
        """Tell all that the run begins or goes on."""
        self._each(lambda view: view.begin(entries, at))

    def step(self, entry: Entry) -> None:
        """Tell all of some steps."""
        self._each(lambda view: view.step(entry))

    def epoch(self, entries: Sequence[Entry], found: Sequence[Detections]) -> None:
        """Tell all of an epoch; `found` are the detections in the validation images, none if they were not scored."""
        seen: Seen | None = None
        if self._gallery is not None and found:
            seen = self._safely("the pictures of validation images", partial(Seen, self._gallery, found))
        self._each(lambda view: view.epoch(entries, seen))

    def end(self, entries: Sequence[Entry], status: Status) -> None:
        """Tell all that the run ends."""
        self._each(lambda view: view.end(entries, status))

    def _each(self, tell: Callable[[View], None]) -> None:
        for view in self._views:
            self._safely(view.name, partial(tell, view))

    def _safely(self, name: str, action: Callable[[], T]) -> T | None:
        try:
            return action()
        except Exception as error:
            if name not in self._failed:
                self._failed.add(name)
                _log.warning("cannot write %s, training goes on without: %s", name, str(error) or repr(error))
            return None
