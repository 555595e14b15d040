from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.boxes import center_to_corner
from dali_ssd.config import AugmentConfig, InputConfig
from dali_ssd.inspection import examine
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.examine import Gathered, gather, report_on
from dali_ssd.inspection.matching import Matches, Views, best_iou
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.inspection.report import Advice, Report
from tests.support.inspection import random_objects, varied_shard

Objects = npt.NDArray[np.float32]
TINY = (0, 0, 1, 1)
"""A box that no anchor covers."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> InspectConfig:
    shard = str(varied_shard(tmp_path_factory.mktemp("varied"), 8))
    return InspectConfig((shard,), network="mobilenet0.25", input=InputConfig(data_shape=128), sample=3, views=2)


@pytest.fixture(scope="module")
def gathered(config: InspectConfig) -> Gathered:
    return gather(config)


def matched(gathered: Gathered, objects: Objects) -> Matches:
    """Matches of objects as if each were alone in its image."""
    iou, anchor = best_iou(objects, gathered.network.anchors)
    return Matches(objects, iou, anchor, np.ones(len(objects), np.int64), gathered.recipe.targets.iou_threshold)


def with_boxes(gathered: Gathered, before: Objects, after: Objects) -> Gathered:
    return replace(gathered, before=matched(gathered, before), after=matched(gathered, after))


def some(gathered: Gathered, covered: Sequence[int], not_covered: Sequence[int]) -> Objects:
    """Objects of the classes that are given: boxes of some anchors, and tiny ones."""
    boxes = center_to_corner(gathered.network.anchors[: len(covered)])
    rows = [(*box, one) for box, one in zip(boxes.tolist(), covered, strict=True)]
    return np.array([*rows, *((*TINY, one) for one in not_covered)], np.float32)


def of_the_network(report: Report) -> tuple[float, float, float]:
    """Coverage of the network's own anchors, by the table of all networks."""
    (row,) = [one for one in report.alternatives if report.network in one.names and one.data_shape == report.data_shape]
    return row.before, row.after, row.class_mean


def test_however_many_boxes_there_are_a_network_has_one_coverage(
    config: InspectConfig, gathered: Gathered, monkeypatch: pytest.MonkeyPatch
) -> None:
    grounds: list[Grounds] = []

    def advise(one: Grounds) -> tuple[Advice, ...]:
        grounds.append(one)
        return ()

    monkeypatch.setattr(examine, "advise", advise)
    rng = np.random.default_rng(0)
    before, after = random_objects(rng, 20_500, 128), random_objects(rng, 22_500, 128)
    after[:, 2:4] = after[:, :2] + 0.7 * (after[:, 2:4] - after[:, :2])
    after[:, 4] = after[:, 4] % 2
    report = report_on(config, with_boxes(gathered, before, after)).report
    every = report.all
    assert every.before.covered > every.after.covered + 0.01 > 0.02
    assert of_the_network(report)[:2] == (every.before.covered, every.after.covered)
    (found,) = grounds
    assert (found.network.before, found.network.after, found.network.class_mean) == of_the_network(report)
    assert report.fitted is not None and report.fitted.class_mean > found.network.class_mean + 0.01


def test_the_report_says_what_was_matched(config: InspectConfig, gathered: Gathered) -> None:
    made_up = with_boxes(gathered, some(gathered, [0, 0, 0], [1, 1]), some(gathered, [0], [0, 0, 1]))
    report = report_on(config, made_up).report
    sample = report.sample
    assert (sample.records, sample.objects, sample.views, sample.augmented_objects) == (3, 5, 2, 4)
    assert (report.records, report.all.before.objects, report.all.after.objects) == (8, 5, 4)
    assert of_the_network(report) == pytest.approx((3 / 5, 1 / 4, ((1 + 0) / 2 + (1 / 3 + 0) / 2) / 2))
    assert report.all.before.covered == 3 / 5 and report.all.after.covered == 1 / 4


@pytest.mark.parametrize(("lost", "tried"), [(1, False), (2, True)])
def test_a_milder_augmentation_is_tried_where_the_recipes_loses_a_twentieth(
    config: InspectConfig, gathered: Gathered, lost: int, tried: bool
) -> None:
    """Of 25 augmented objects, one or two are not covered, and all as stored."""
    asked: list[AugmentConfig] = []

    def augmented(augment: AugmentConfig) -> Views:
        asked.append(augment)
        return Views(some(gathered, [0, 0, 0], [1]), np.array([0, 4]))

    stored, shrunk = some(gathered, [0, 1], []), some(gathered, [0] * (25 - lost), [0] * lost)
    made_up = replace(with_boxes(gathered, stored, shrunk), augmented=augmented)
    milder = report_on(config, made_up).report.milder
    assert [one.expand_ratio for one in asked] == [(1, 2)] * tried
    if tried:
        assert milder is not None
        assert (milder.expand_ratio, milder.views, milder.objects, milder.after) == ((1, 2), 2, 4, 0.75)
        assert milder.class_mean == pytest.approx((1 + 0.5) / 2)
    else:
        assert milder is None


def test_the_sample_is_drawn_by_the_seed(config: InspectConfig, gathered: Gathered) -> None:
    again, other = gather(config), gather(replace(config, seed=config.seed + 1))
    np.testing.assert_array_equal(again.before.objects, gathered.before.objects)
    np.testing.assert_array_equal(again.after.objects, gathered.after.objects)
    assert other.before.objects.tolist() != gathered.before.objects.tolist()
