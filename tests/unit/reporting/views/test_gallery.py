from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dali_ssd.errors import DatasetError
from dali_ssd.metrics.detections import Detections
from dali_ssd.pages.elements import Picture
from dali_ssd.reporting.views.gallery import Gallery, Seen


def pixels(picture: Picture) -> tuple[int, int]:
    with Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))) as image:
        return image.size


def test_samples_are_the_same_images_with_objects(gallery: Gallery, found: list[Detections]) -> None:
    first, later = Seen(gallery, found).samples, Seen(gallery, [replace(one, scores=one.scores * 0) for one in found])
    assert list(first) == list(later.samples)
    assert len(first) == 6
    assert "val.rec record 1" not in first  # it has no object
    assert all(pixels(picture) == (picture.width, picture.height) for picture in first.values())
    caption = first["val.rec record 0"].caption
    assert caption == "val.rec record 0: 1 of 2 found, 0 wrong, from score 0.89 on"
    assert later.samples["val.rec record 0"].caption == "val.rec record 0: 0 of 2 found, 0 wrong, from score 0.01 on"


def test_best_and_worst(gallery: Gallery, found: list[Detections]) -> None:
    best, worst = Seen(gallery, found).extremes
    assert best[0].caption == "val.rec record 2: 2 of 2 found, 0 wrong, from score 0.89 on"
    assert worst[0].caption == "val.rec record 1: 0 of 0 found, 1 wrong, from score 0.89 on"
    assert len(best) == len(worst) == 4


def test_a_network_that_is_not_sure_yet_has_found_what_it_has_found(gallery: Gallery, found: list[Detections]) -> None:
    """Its detections count from the score on with the best F1, at which they would be worth to be used."""
    unsure = [replace(one, scores=(one.scores / 4).astype(np.float32)) for one in found]
    unsure[0] = replace(
        unsure[0], scores=np.full_like(unsure[0].scores, 0.05), boxes=unsure[0].boxes + 40
    )  # wrong, and far below
    seen = Seen(gallery, unsure)
    assert seen.min_score == 0.22
    assert seen.samples["val.rec record 2"].caption == "val.rec record 2: 2 of 2 found, 0 wrong, from score 0.22 on"
    assert seen.samples["val.rec record 0"].caption == "val.rec record 0: 0 of 2 found, 0 wrong, from score 0.22 on"
    assert Seen(gallery, [replace(one, class_ids=one.class_ids + 2) for one in found]).min_score == 0.4  # none is right


def test_no_objects_no_samples(gallery: Gallery, found: list[Detections]) -> None:
    none = [replace(one, true_boxes=one.true_boxes[:0], true_ids=one.true_ids[:0], difficult=np.zeros(0, bool))
            for one in found]  # fmt: skip
    assert Seen(gallery, none).samples == {}


def test_other_images_are_refused(gallery: Gallery, found: list[Detections]) -> None:
    with pytest.raises(DatasetError, match="8 images were scored of 9 records"):
        Seen(gallery, found[:-1])
