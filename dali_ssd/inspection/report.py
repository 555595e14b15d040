"""The report as plain data: what the page shows and what `--json` writes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from dali_ssd import __version__
from dali_ssd.anchors import FeatureMap
from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.inspection.numbers import Histogram, Spread
from dali_ssd.records.lint.kinds import Severity

__all__ = [
    "Advice",
    "Alternative",
    "BoxFacts",
    "ClassFacts",
    "Coverage",
    "DecodeCost",
    "Exhibit",
    "ExhibitGroup",
    "FindingFacts",
    "Group",
    "ImageFacts",
    "LayerFacts",
    "Marked",
    "Milder",
    "Oddity",
    "Place",
    "Report",
    "Sample",
    "ShardFacts",
    "Timed",
    "as_json",
    "plain",
]


ExhibitGroup = Literal["crowded", "smallest", "strange"]


@dataclass(frozen=True)
class ShardFacts:
    """A shard."""

    path: str
    bytes: int
    records: int


@dataclass(frozen=True)
class ImageFacts:
    """The images of the good records."""

    width: Spread
    """Pixels."""
    height: Spread
    short_side: Spread
    file_bytes: Spread
    kinds: dict[str, int]
    """Images by format, channels, and whether progressive."""
    progressive: float
    """Share of progressive JPEGs."""
    megapixels: Histogram
    kilobytes: Histogram


@dataclass(frozen=True)
class Coverage:
    """How the anchors meet a group of objects; shares are NaN without objects."""

    objects: int
    covered: float
    """Share with an anchor of the threshold's IoU or more."""
    forced: float
    """Share trained by its best anchor alone, which does not reach the threshold, or by none."""
    untrained: float
    """Share that no anchor is trained on, since others took those it overlaps."""
    positives: float
    """Anchors per object in the median."""


@dataclass(frozen=True)
class Group:
    """Objects of a size, or all of them."""

    name: str
    before: Coverage
    """As stored."""
    after: Coverage
    """In augmented views."""


@dataclass(frozen=True)
class ClassFacts:
    """A class: all its objects, and how the anchors meet those of the sample."""

    id: int
    name: str
    images: int
    objects: int
    difficult: int
    before: Coverage
    after: Coverage


@dataclass(frozen=True)
class LayerFacts:
    """A feature map and the objects whose best anchor it has."""

    layer: FeatureMap
    anchors: int
    before: float
    """Share of the stored objects."""
    after: float
    """Share of the objects of augmented views."""
    covered: float
    """Share of its stored objects that reach the threshold."""


@dataclass(frozen=True)
class Place:
    """Where a record is."""

    shard: str
    key: int
    """In the shard's index, as `--record` takes it."""


@dataclass(frozen=True)
class Oddity:
    """A kind of strange record or object."""

    what: str
    count: int
    places: tuple[Place, ...]
    """The first 100 records that have it, the strangest first."""


@dataclass(frozen=True)
class Marked:
    """An object of a record that stands out in its picture."""

    class_id: int
    box: tuple[float, float, float, float]
    """xmin ymin xmax ymax, fractions of the image."""


@dataclass(frozen=True)
class Exhibit:
    """A record that is shown as a picture."""

    group: ExhibitGroup
    why: str
    shard: str
    key: int
    number: int
    """Its number over all shards, from 0: `open_dataset(shards)[number]`."""
    marked: tuple[Marked, ...] = ()
    """The objects that `why` is about; none if it is about the whole record."""


@dataclass(frozen=True)
class BoxFacts:
    """The boxes in numbers, and some of them as points."""

    objects: int
    difficult: int
    per_image: Spread
    empty: int
    """Records without objects."""
    objects_per_image: Histogram
    side: Spread
    """Square root of the area in network pixels."""
    sides: Histogram
    ratio: Spread
    """Width over height in network pixels."""
    ratios: Histogram
    points: tuple[tuple[float, float, bool], ...]
    """Width and height in network pixels, and whether an anchor reaches the threshold, of some objects."""


@dataclass(frozen=True)
class Timed:
    """An image that was decoded."""

    megapixels: float
    ms: float
    progressive: bool
    baseline_ms: float = math.nan
    """For a progressive JPEG, the time of the same image written as a baseline JPEG."""


@dataclass(frozen=True)
class DecodeCost:
    """What decoding a whole image costs on one core of this machine; NaN if it was not measured."""

    images: tuple[Timed, ...] = ()
    base_ms: float = math.nan
    """Of any image."""
    ms_per_megapixel: float = math.nan
    mean_ms: float = math.nan
    """Over all images, by these two."""
    note: str = "not measured"
    """Why it is not known, or not of all chosen images."""


@dataclass(frozen=True)
class FindingFacts:
    """All findings of a kind."""

    kind: str
    severity: Severity
    count: int
    title: str
    advice: str
    places: tuple[str, ...]
    """The first few."""


@dataclass(frozen=True)
class Alternative:
    """Other anchors, and the share of objects that they would cover."""

    names: tuple[str, ...]
    """Networks that have them."""
    data_shape: int
    anchors: int
    before: float
    """Of the stored objects."""
    after: float
    """Of those in augmented views."""
    class_mean: float
    """Mean of both, and over classes."""
    sizes: tuple[float, ...] = ()
    """Sizes of the layers, if they are not a network's that is there."""
    ratios: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Milder:
    """What the network's anchors cover in views of an augmentation that shrinks less."""

    expand_ratio: tuple[float, float]
    """Range of the canvas side over the image side; all else is the recipe's."""
    views: int
    """Of each record."""
    objects: int
    """Objects in these views."""
    after: float
    """Share of them that is covered."""
    class_mean: float
    """Mean of the stored and of these, and over classes."""


@dataclass(frozen=True)
class Advice:
    """What to do, and why."""

    topic: str
    seen: str
    """What was seen, with its numbers."""
    costs: str
    """What it costs to leave it so."""
    do: str
    command: str = ""
    urgent: bool = False


@dataclass(frozen=True)
class Sample:
    """The part of the records whose boxes were compared with the anchors."""

    records: int
    objects: int
    views: int
    """Of each record."""
    augmented_objects: int
    seed: int


@dataclass(frozen=True)
class Report:
    """Everything."""

    network: str
    data_shape: int
    threshold: float
    """IoU from which an anchor covers an object."""
    recipe: str
    """Its name."""
    augment: AugmentConfig
    image: RenderConfig
    targets: TargetConfig
    """Its numbers."""
    shards: tuple[ShardFacts, ...]
    unreadable: int
    """Shards that cannot be read."""
    records: int
    """Good records, which everything below is about."""
    bad: int
    """Records with errors, which are left out of everything."""
    unit: str
    """Unit that the labels are read in."""
    classes: tuple[ClassFacts, ...]
    images: ImageFacts
    boxes: BoxFacts
    sample: Sample
    sizes: tuple[Group, ...]
    """Small, medium and large objects, then all."""
    layers: tuple[LayerFacts, ...]
    alternatives: tuple[Alternative, ...]
    """The anchors of other networks."""
    fitted: Alternative | None
    """Anchors fitted to the boxes, on the network's feature maps; None without objects."""
    milder: Milder | None
    """An augmentation that shrinks less; None if the recipe's loses little."""
    cost: DecodeCost
    findings: tuple[FindingFacts, ...]
    oddities: tuple[Oddity, ...]
    exhibits: tuple[Exhibit, ...]
    advice: tuple[Advice, ...] = field(default=())

    @property
    def all(self) -> Group:
        """Coverage of all objects."""
        return self.sizes[-1]


def as_json(report: Report, made_by: str) -> dict[str, Any]:
    """Return the report as plain data, with the command that made it; a number that is not known is null."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    made = {"dali_ssd": __version__, "made_at": now, "made_by": made_by}
    return {**made, **{name: plain(value) for name, value in asdict(report).items()}}


def plain(value: Any) -> Any:
    """Return plain data, with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
