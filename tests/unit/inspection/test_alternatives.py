from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.anchors import lay_out
from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.inspection.alternatives import Fitting, fitted_anchors, other_networks
from dali_ssd.inspection.contents import BOX, CLASS
from dali_ssd.inspection.network import find_network
from tests.support.inspection import random_objects

NETWORK = find_network("mobilenet0.25", 128)
RNG = np.random.default_rng(0)
BOTH = Fitting(random_objects(RNG, 200, 128), random_objects(RNG, 300, 128), 0.5)
NONE = Fitting(BOTH.before[:0], BOTH.after[:0], 0.5)


def test_coverage_is_by_objects_and_as_a_mean_over_classes() -> None:
    shares, means = [], []
    for boxes in (BOTH.before, BOTH.after):
        table = iou(boxes[:, BOX].astype(float), center_to_corner(NETWORK.anchors.astype(float))).max(axis=1) >= 0.5
        shares.append(table.mean())
        means.append(np.mean([table[boxes[:, CLASS] == one].mean() for one in range(3)]))
    np.testing.assert_allclose(BOTH.coverage(NETWORK.anchors), (*shares, np.mean(means)))
    np.testing.assert_allclose(BOTH.by_class(NETWORK.anchors), means)
    assert all(map(math.isnan, NONE.coverage(NETWORK.anchors)))


def test_other_networks_see_the_boxes_at_their_own_size() -> None:
    found = {(", ".join(one.names), one.data_shape): one for one in other_networks(NETWORK, BOTH)}
    own = found["mobilenet0.25", 128]
    np.testing.assert_allclose((own.before, own.after, own.class_mean), BOTH.coverage(NETWORK.anchors))
    large = find_network("vgg16_atrous", 512)
    scaled = Fitting(BOTH.before * np.float32(4), BOTH.after * np.float32(4), 0.5)
    same = found["vgg16_atrous, resnet152_v2", 512]
    np.testing.assert_allclose((same.before, same.after), scaled.coverage(large.anchors)[:2])


def test_fitted_anchors_cover_small_objects_that_the_networks_do_not() -> None:
    small = random_objects(np.random.default_rng(1), 300, 128)
    small[:, 2:4] = small[:, :2] + np.random.default_rng(2).uniform(6, 12, (300, 2))
    fitting = Fitting(small, small, 0.5)
    found = fitted_anchors(NETWORK, fitting, 0)
    assert found is not None
    now = fitting.coverage(NETWORK.anchors)
    assert found.class_mean > now[2] + 0.2
    assert len(found.sizes) == len(NETWORK.layers) + 1 and list(found.sizes) == sorted(set(found.sizes))
    # The numbers are those of the anchors that are proposed.

    layers = [
        replace(layer, sizes=pair, ratios=ratios)
        for layer, pair, ratios in zip(NETWORK.layers, pairwise(found.sizes), found.ratios, strict=True)
    ]
    np.testing.assert_allclose((found.before, found.after, found.class_mean), fitting.coverage(lay_out(layers)))
    assert found.anchors == len(lay_out(layers))


def test_without_boxes_nothing_is_fitted() -> None:
    assert fitted_anchors(NETWORK, NONE, 0) is None
    assert all(math.isnan(one.before) for one in other_networks(NETWORK, NONE))


def test_a_part_is_drawn_by_the_seed() -> None:
    part = BOTH.part(50, 3)
    assert len(part.before) == len(part.after) == 50
    np.testing.assert_array_equal(part.after, BOTH.part(50, 3).after)
    other = BOTH.part(50, 4)
    assert part.before.tolist() != other.before.tolist() and part.after.tolist() != other.after.tolist()
    assert len(BOTH.part(1000, 3).before) == 200


@pytest.mark.parametrize(("gained", "many"), [(0.0049, False), (0.0051, True)])
def test_more_anchors_must_cover_half_a_percent_more(
    monkeypatch: pytest.MonkeyPatch, gained: float, many: bool
) -> None:
    """The network has few ratios on its last map: all of them on all maps are more anchors."""
    usual = len(NETWORK.anchors)

    def coverage(_: Fitting, anchors: npt.NDArray[np.float32], scale: float = 1.0) -> tuple[float, float, float]:
        return 0.7, 0.6, 0.8 + gained * (len(anchors) > usual)

    monkeypatch.setattr(Fitting, "coverage", coverage)
    found = fitted_anchors(NETWORK, BOTH, 0)
    assert found is not None and (found.anchors > usual) == many == all(len(ratios) == 5 for ratios in found.ratios)
    assert (found.before, found.after, found.class_mean) == (0.7, 0.6, 0.8 + gained * many)


def test_candidates_are_tried_on_the_boxes_that_the_seed_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []

    def part(fitting: Fitting, most: int, seed: int) -> Fitting:
        drawn.append((most, seed))
        return fitting

    monkeypatch.setattr(Fitting, "part", part)
    fitted_anchors(NETWORK, Fitting(BOTH.before[:20], BOTH.after[:20], 0.5), 7)
    assert drawn == [(2000, 7)]
