"""Targets against GluonCV's `SSDTargetGenerator`, for the same float32 boxes of all the real data."""

from __future__ import annotations

import io
import os
import warnings
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dali_ssd.anchors import vgg_anchors
from dali_ssd.graph.targets import encode_targets
from dali_ssd.kernels.targets import anchor_corners
from dali_ssd.records.dataset import Dataset
from tests.support.planning import draw_plan

mx = pytest.importorskip("mxnet")
pytest.importorskip("gluoncv")

Floats = npt.NDArray[np.float32]
EXHAUSTIVE = bool(os.environ.get("DALI_SSD_EXHAUSTIVE"))
"""Ten augmentations of all images take GluonCV's generator five minutes; `photos` has them always, `bccd` two."""
TIMES = {"photos": 10, "bccd": 10 if EXHAUSTIVE else 2}
AT_ONCE = 16


def mobilenet_anchors() -> Floats:
    """The anchors of GluonCV's `ssd_300_mobilenet0.25`, as the network returns them.

    Its preset counts steps of 8 pixels for feature maps that have 16, so that most anchors lie in the upper left
    quarter of the picture. Trained parameters depend on that, so it is what a loader gets.
    """
    from gluoncv.model_zoo import get_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GluonCV infers the types of a graph whose input has none yet
        network = get_model("ssd_300_mobilenet0.25_custom", classes=["any"], pretrained_base=False)
    network.initialize()
    with mx.autograd.train_mode():
        anchors: Floats = network(mx.nd.zeros((1, 3, 300, 300)))[2].asnumpy()[0]
    return anchors


def augmented_objects(dataset: Dataset, times: int) -> list[Floats]:
    """Objects `(n, 5)` of each image as the training plan shows them, so many times, numbered in place of classes."""
    found = []
    for i in range(len(dataset)):
        header, payload = dataset.read(i)
        with Image.open(io.BytesIO(payload)) as image:
            shape = (image.height, image.width)
        found += [draw_plan(header.label, shape, (i, again), size=300).objects for again in range(times)]
    for objects in found:
        objects[:, 4] = np.arange(len(objects))
    return [objects for objects in found if len(objects)]


def by_gluoncv(images: list[Floats], anchors: Floats) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Objects, cls_targets and box_targets of each image; images with as many objects go together, unpadded."""
    from gluoncv.model_zoo.ssd.target import SSDTargetGenerator

    generator = SSDTargetGenerator(negative_mining_ratio=-1)
    alike: dict[int, list[Floats]] = defaultdict(list)
    for objects in images:
        alike[len(objects)].append(objects)
    for group in alike.values():
        for start in range(0, len(group), AT_ONCE):
            part = np.stack(group[start : start + AT_ONCE])
            classes, offsets, _ = generator(
                mx.nd.array(anchors[None]), None, mx.nd.array(part[:, :, :4]), mx.nd.array(part[:, :, 4:5])
            )
            yield from zip(part, classes.asnumpy(), offsets.asnumpy(), strict=True)


def lost(classes: Floats, count: int) -> int:
    """Number of `count` boxes with unique ids that no anchor is trained on."""
    return count - len(np.unique(classes[classes > 0]))


def meets_any(box: Floats, corners: Floats) -> bool:
    """Whether a box shares any area with an anchor."""
    return bool((np.minimum(corners[:, 2:], box[2:4]) > np.maximum(corners[:, :2], box[:2])).all(axis=1).any())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bccd", "photos"])
@pytest.mark.parametrize("network", ["vgg16_atrous", "mobilenet0.25"])
def test_targets_are_gluoncvs(real_sets: dict[str, Dataset], name: str, network: str) -> None:
    """Each box has its number for its class, so that an anchor that learns another box of the same class counts.

    Where an image's first box meets no anchor, its best IoU is 0, and GluonCV lets all anchors that meet nothing learn
    it: 2260 in one of the 3640 images of bccd, 2.5% of all positives there. That is left to GluonCV.
    """
    anchors = vgg_anchors(300) if network == "vgg16_atrous" else mobilenet_anchors()
    images = augmented_objects(real_sets[name], TIMES[name])
    assert len(images) > 0.9 * TIMES[name] * len(real_sets[name])
    corners = anchor_corners(anchors)
    positives = differing = ours_lost = theirs_lost = unmet = 0
    worst = 0.0
    for objects, their_classes, their_offsets in by_gluoncv(images, anchors):
        classes, offsets = encode_targets(objects[:, :4], objects[:, 4], anchors)
        if not meets_any(objects[0], corners):
            unmet += 1
            assert not (classes == 1).any()
            continue
        positives += int((their_classes > 0).sum())
        differing += int((classes != their_classes).sum())
        both = (classes == their_classes) & (classes > 0)
        worst = max(worst, float(np.abs(offsets[both] - their_offsets[both]).max(initial=0)))
        ours_lost += lost(classes, len(objects))
        theirs_lost += lost(their_classes, len(objects))
    print(f"{name}, {network}: {len(images)} images, {differing} of {positives} differ, offsets by {worst:.1e}")
    assert positives > 1000
    assert differing <= positives / 5000, (differing, positives)
    assert worst <= 1e-4
    assert ours_lost == theirs_lost
    assert unmet <= len(images) / 1000
    if network == "vgg16_atrous":  # whose anchors are everywhere, and many
        assert ours_lost == unmet == 0
