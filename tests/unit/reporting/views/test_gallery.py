from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.errors import DatasetError
from dali_ssd.metrics.detections import Detections
from dali_ssd.pages.elements import Picture
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.writer import ShardWriter
from dali_ssd.reporting.views.gallery import Gallery, Seen
from tests.support.records import encoded, record


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
    assert caption == "val.rec record 0: 1 of 2 found, 0 wrong"
    assert later.samples["val.rec record 0"].caption == "val.rec record 0: 0 of 2 found, 0 wrong"


def test_best_and_worst(gallery: Gallery, found: list[Detections]) -> None:
    best, worst = Seen(gallery, found).extremes
    assert best[0].caption == "val.rec record 2: 2 of 2 found, 0 wrong"
    assert worst[0].caption == "val.rec record 1: 0 of 0 found, 1 wrong"
    assert len(best) == len(worst) == 4


def test_no_objects_no_samples(gallery: Gallery, found: list[Detections]) -> None:
    none = [replace(one, true_boxes=one.true_boxes[:0], true_ids=one.true_ids[:0], difficult=np.zeros(0, bool))
            for one in found]  # fmt: skip
    assert Seen(gallery, none).samples == {}


def test_an_image_that_cannot_be_decoded_is_an_empty_square(
    found: list[Detections], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        for number in range(9):
            writer.write(record(image=b"no image" if number in (0, 3) else encoded()))
    gallery = Gallery(open_dataset(tmp_path / "a.rec"), 100, ("a", "b"))
    for _ in range(2):  # it is not decoded in a later epoch either
        seen = Seen(gallery, found)
        samples, (best, worst) = seen.samples, seen.extremes
        assert len(samples) == 6 and len(best) == len(worst) == 4
        note = "a.rec record 0: 1 of 2 found, 0 wrong; the image cannot be drawn"
        assert samples["a.rec record 0"].caption == note and pixels(samples["a.rec record 0"]) == (224, 224)
        assert note in [picture.caption for picture in best]
        assert "cannot" not in samples["a.rec record 2"].caption
    assert len(caplog.messages) == 1 and re.search(r"a\.rec, record 0, .*cannot be decoded", caplog.messages[0])


def test_other_images_are_refused(gallery: Gallery, found: list[Detections]) -> None:
    with pytest.raises(DatasetError, match="8 images were scored of 9 records"):
        Seen(gallery, found[:-1])
