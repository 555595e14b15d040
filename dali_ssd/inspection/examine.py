"""The inspection of a data set from options: everything but the page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.errors import MissingDependencyError
from dali_ssd.inspection.advising.advice import advise
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.alternatives import Fitting, fitted_anchors, other_networks
from dali_ssd.inspection.contents import Contents, read_contents
from dali_ssd.inspection.cost import measure_decoding
from dali_ssd.inspection.groups import box_facts, class_facts, image_facts, layer_facts, size_groups
from dali_ssd.inspection.matching import Matches, Views, augmented_views, match, stored_views
from dali_ssd.inspection.network import Network, find_network
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Alternative, DecodeCost, FindingFacts, Milder, Report, Sample, ShardFacts
from dali_ssd.inspection.strange import find_exhibits
from dali_ssd.loader.recipes import Recipe, asked_recipe
from dali_ssd.records.dataset import Dataset, expand_paths
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.findings import KINDS, worst_first

__all__ = ["Gathered", "Inspected", "examine", "gather", "report_on"]

_log = logging.getLogger(__name__)

_PLACES = 3
"""Places of findings of a kind that the report names."""
_LOSS, _MILD = 0.05, 2.0
"""Coverage, as a mean over classes, that augmentation must lose for a milder one to be tried; its largest canvas."""


@dataclass(frozen=True, eq=False)
class Inspected:
    """A report, and what its pictures are drawn from."""

    config: InspectConfig
    report: Report
    dataset: Dataset
    """Every whole record, good or bad."""
    classes: Sequence[str]
    """Class names; none if nothing names them."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a report is made of: all that takes the kernels of training."""

    checked: DatasetReport
    names: Sequence[str]
    """Class names; none if nothing names them."""
    recipe: Recipe
    network: Network
    contents: Contents
    sample: int
    """Records whose objects are matched."""
    before: Matches
    """Their objects as stored."""
    after: Matches
    """Their objects in augmented views."""
    augmented: Callable[[AugmentConfig], Views]
    """Makes views of the same records with another augmentation."""


def examine(config: InspectConfig) -> Inspected:
    """Inspect the shards; the decoder is only timed for a report in a file.

    Raises:
        DatasetError: a path matches no shard, no shard can be read, or class names are wrong.
        ConfigError: there is no such network or recipe.
    """
    return report_on(config, gather(config))


def gather(config: InspectConfig) -> Gathered:
    """Read the shards, and match the objects of a sample with the anchors; raises as `examine` does."""
    shards = expand_paths(config.shards)
    names = names_or_none(config.classes, shards)
    recipe = _recipe(config)
    network = find_network(config.network, recipe.image.data_shape)
    checked = inspect_shards(
        shards, coordinates=config.coordinates, num_classes=len(names) or None, workers=config.workers
    )
    if not len(checked.dataset):
        checked.require_readable()
    contents = read_contents(checked.dataset, checked.bad, recipe.image, checked.unit, config.workers)
    chosen = _sample(len(contents), config.sample, config.seed)

    def augmented(augment: AugmentConfig) -> Views:
        return augmented_views(contents, chosen, config.views, augment, recipe.image, checked.unit, config.seed)

    stored = stored_views(contents, chosen)
    before = match(stored, network.anchors, recipe.targets, "stored boxes")
    after = match(augmented(recipe.augment), network.anchors, recipe.targets, "augmented boxes")
    return Gathered(checked, names, recipe, network, contents, len(chosen), before, after, augmented)


def report_on(config: InspectConfig, gathered: Gathered) -> Inspected:
    """Count what was gathered, try other anchors on the same objects, and give advice."""
    checked, contents, recipe, network = gathered.checked, gathered.contents, gathered.recipe, gathered.network
    before, after, data_shape = gathered.before, gathered.after, recipe.image.data_shape
    fitting = Fitting(before.objects, after.objects, recipe.targets.iou_threshold)
    oddities, exhibits, pairs = find_exhibits(checked.dataset, contents, data_shape)
    report = Report(
        network=network.name,
        data_shape=data_shape,
        threshold=recipe.targets.iou_threshold,
        recipe=recipe.name,
        augment=recipe.augment,
        image=recipe.image,
        targets=recipe.targets,
        shards=_shards(checked),
        unreadable=len(checked.shards) - len(checked.reports),
        records=len(contents),
        bad=len(checked.bad) + checked.lost,
        unit=checked.unit,
        classes=class_facts(contents, gathered.names, before, after),
        images=image_facts(contents),
        boxes=box_facts(contents, data_shape, before, config.seed),
        sample=Sample(gathered.sample, len(before.objects), config.views, len(after.objects), config.seed),
        sizes=size_groups(before, after),
        layers=layer_facts(network, before, after),
        alternatives=other_networks(network, fitting),
        fitted=fitted_anchors(network, fitting, config.seed),
        milder=_milder(gathered, fitting, config.views),
        cost=measure_decoding(checked.dataset, contents) if config.html or config.json else DecodeCost(),
        findings=_findings(checked),
        oddities=oddities,
        exhibits=exhibits,
    )
    own = Alternative((network.name,), data_shape, len(network.anchors), *fitting.coverage(network.anchors))
    advice = advise(Grounds(config, report, contents, own, pairs))
    return Inspected(config, replace(report, advice=advice), checked.dataset, gathered.names)


def _milder(gathered: Gathered, fitting: Fitting, views: int) -> Milder | None:
    """Return what the anchors cover if canvases are at most twice as wide as images; None if coverage loses little."""
    anchors, augment = gathered.network.anchors, gathered.recipe.augment
    stored, shrunk = fitting.by_class(anchors)
    if stored - shrunk < _LOSS or augment.expand_ratio[1] <= _MILD or not augment.expand_probability:
        return None
    mild = replace(augment, expand_ratio=(min(augment.expand_ratio[0], _MILD), _MILD))
    objects = gathered.augmented(mild).objects
    _, after, class_mean = replace(fitting, after=objects).coverage(anchors)
    return Milder(mild.expand_ratio, views, len(objects), after, class_mean)


def _recipe(config: InspectConfig) -> Recipe:
    """Return the recipe; without DALI, which recipes need, one of the usual numbers and without pipelines."""
    try:
        return asked_recipe(config.input)
    except MissingDependencyError:
        if config.input.recipe:
            raise
        _log.warning("NVIDIA DALI is not installed: the augmentation is that of GluonCV, and decoding is not timed")
        image = RenderConfig(data_shape=config.input.data_shape or 300)
        return Recipe("", None, None, AugmentConfig(), image, TargetConfig())


def _sample(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return positions of records, ascending: all, or `most` drawn at random."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _shards(checked: DatasetReport) -> tuple[ShardFacts, ...]:
    return tuple(ShardFacts(str(one.shard), one.size, len(one.records)) for one in checked.reports)


def _findings(checked: DatasetReport) -> tuple[FindingFacts, ...]:
    return tuple(
        FindingFacts(
            kind,
            KINDS[kind].severity,
            len(some),
            KINDS[kind].title,
            KINDS[kind].advice,
            tuple(map(str, some[:_PLACES])),
        )
        for kind, some in worst_first(checked.findings).items()
    )
