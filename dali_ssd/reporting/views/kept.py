"""What the page of a training run shows beside its metrics, in a file of its own: pictures of some epochs, and events.

A resumed run goes on with it. Nothing else depends on it: where it is missing or damaged, the page begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd.pages.elements import Picture
from dali_ssd.reporting.log import Event
from dali_ssd.util.files import atomic_open

__all__ = ["Kept", "read_kept", "thinned"]

FORMAT = 1
"""Version of the layout; others are not read."""
EPOCHS = 6
"""Most epochs of which pictures are kept."""
_MOST_EVENTS = 300
_INLINE = "data:image/jpeg;base64,"


@dataclass
class Kept:
    """What is kept of a run."""

    samples: dict[int, dict[str, Picture]] = field(default_factory=dict)
    """Pictures by epoch and by the name of the image."""
    best: list[Picture] = field(default_factory=list)
    worst: list[Picture] = field(default_factory=list)
    judged_epoch: int | None = None
    """The epoch of `best` and `worst`."""
    events: list[Event] = field(default_factory=list)
    """Of the processes that have trained so far, the oldest first."""
    running: bool = False
    """Whether the process that wrote this was still training."""
    written: float = 0.0
    """Seconds since 1970."""

    def add(self, epoch: int, samples: Mapping[str, Picture]) -> None:
        """Add the pictures of an epoch, and drop those of another one if there are too many."""
        self.samples[epoch] = dict(samples)
        self.samples = {kept: self.samples[kept] for kept in thinned(sorted(self.samples), EPOCHS)}

    def forget_from(self, epoch: int) -> None:
        """Drop the pictures of an epoch and of those after it, which will be trained again."""
        self.samples = {one: pictures for one, pictures in self.samples.items() if one < epoch}
        if self.judged_epoch is not None and self.judged_epoch >= epoch:
            self.best, self.worst, self.judged_epoch = [], [], None

    def write(self, path: Path, events: Sequence[Event]) -> None:
        """Replace the file, with further events. Raises DaliSsdError if it cannot be written."""
        with atomic_open(path, "w") as file:
            json.dump({"format": FORMAT} | asdict(self) | {"events": [asdict(one) for one in self.all(events)]}, file)

    def all(self, events: Sequence[Event]) -> list[Event]:
        """Return all events with further ones; of too many, those in the middle are left out."""
        every = [*self.events, *events]
        half = _MOST_EVENTS // 2
        return every if len(every) <= _MOST_EVENTS else [*every[:half], *every[-half:]]


def thinned(epochs: Sequence[int], most: int) -> list[int]:
    """Return at most `most` (2 or more) of ascending epochs: the first, the last, and others far from each other.

    Called again after each further epoch, this keeps them about evenly spread.
    """
    kept = list(epochs)
    while len(kept) > most:
        gaps = [after - before for before, after in zip(kept, kept[2:], strict=False)]
        del kept[1 + gaps.index(min(gaps))]
    return kept


def read_kept(path: Path) -> Kept:
    """Read what a run has kept. Raises ValueError, or OSError, if the file is damaged or cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("it has another format")
        samples = {int(epoch): _pictures_by_name(some) for epoch, some in content.pop("samples").items()}
        best, worst = ([_picture(one) for one in content.pop(name)] for name in ("best", "worst"))
        events = [Event(float(one["time"]), str(one["level"]), str(one["text"])) for one in content.pop("events")]
        judged = content["judged_epoch"]
        return Kept(
            dict(sorted(samples.items())), best, worst, None if judged is None else int(judged), events,
            bool(content["running"]), float(content["written"]),
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError) as error:  # whatever else JSON may hold in these places
        raise ValueError(f"it is not as this version writes it ({error!r})") from error


def _pictures_by_name(some: Mapping[str, Any]) -> dict[str, Picture]:
    return {name: _picture(one) for name, one in some.items()}


def _picture(values: Mapping[str, Any]) -> Picture:
    uri = str(values["uri"])
    if not uri.startswith(_INLINE):
        raise ValueError("a picture is not inside the file")
    return Picture(uri, int(values["width"]), int(values["height"]), str(values["alt"]), str(values["caption"]))
