from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.errors import DatasetError
from dali_ssd.metrics.detections import Detections
from dali_ssd.pages.elements import Picture
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.writer import ShardWriter
from dali_ssd.reporting.views.gallery import Gallery, Seen
from dali_ssd.synthetic import SHAPES, write_shapes
from dali_ssd.visualize.grid import Tile
from dali_ssd.visualize.tiles import stored_tiles
from tests.support.detected import detected
from tests.support.records import encoded, record


def opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))) as image:
        image.load()
        return image


def pixels(picture: Picture) -> tuple[int, int]:
    return opened(picture).size


def test_samples_are_the_same_images_with_objects(gallery: Gallery, found: list[Detections]) -> None:
    first, later = Seen(gallery, found).samples, Seen(gallery, [replace(one, scores=one.scores * 0) for one in found])
    assert list(first) == list(later.samples)
    assert len(first) == 6
    assert "val.rec record 1" not in first  # it has no object
    assert all(pixels(picture) == (picture.width, picture.height) for picture in first.values())
    caption = first["val.rec record 0"].caption
    assert caption == "val.rec record 0: 1 of 2 found, 0 wrong, from score 0.89 on"
    assert later.samples["val.rec record 0"].caption == "val.rec record 0: 1 of 2 found, 0 wrong, from score 0 on"


def test_samples_lie_evenly_among_images_with_objects_that_count(gallery: Gallery, found: list[Detections]) -> None:
    """Those with difficult objects alone are left out, as is the one without objects."""

    def numbers() -> list[int]:
        return [int(name.rpartition(" ")[2]) for name in Seen(gallery, found).samples]

    assert numbers() == [0, 2, 4, 5, 7, 8]
    for number, difficult in ((4, [True, True]), (3, [True, False])):
        found[number] = replace(found[number], difficult=np.array(difficult))
    assert numbers() == [0, 2, 3, 6, 7, 8]


def test_samples_are_decoded_once(
    gallery: Gallery, found: list[Detections], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The best and worst images, which change, are decoded each time: here 1 is among the worst, and 3 among both."""
    decoded: list[int] = []

    def counting(dataset: Dataset, numbers: Sequence[int]) -> list[Tile]:
        decoded.extend(numbers)
        return stored_tiles(dataset, numbers)

    monkeypatch.setattr("dali_ssd.reporting.views.gallery.stored_tiles", counting)
    fresh = Gallery(open_dataset(write_shapes(tmp_path, "val", 9, seed=1)), 100, SHAPES)
    first, second = Seen(fresh, found), Seen(fresh, found)
    assert first.samples == second.samples and decoded == [0, 2, 4, 5, 7, 8]
    assert first.extremes == second.extremes
    assert sorted(decoded[6:]) == [1, 1, 3, 3, 3, 3]


def test_boxes_are_drawn_where_they_are(tmp_path: Path) -> None:
    """Those of the network's square input, in a picture that is none."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 32), (90, 90, 90)).save(stream, "PNG")
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record(image=stream.getvalue()))
    box = (100.0, 200.0, 300.0, 350.0)
    image = detected([(box, 0, 0.9)], [(box, 0)])
    drawn = opened(Gallery(open_dataset(tmp_path / "a.rec"), 400, ("a",)).draw(0, image, 0.4))
    assert drawn.size == (320, 160)
    green = np.asarray(drawn).astype(int)[..., 1] > 140
    left, top, right, bottom = 320 // 4, 160 // 2, 320 * 3 // 4, 160 * 7 // 8
    # The label is at the upper left corner.
    assert green[bottom - 2 : bottom + 1, left + 40 : right - 5].any(axis=0).all()
    assert green[top + 30 : bottom - 5, right - 2 : right + 1].any(axis=1).all()
    green[top - 20 : bottom + 3, left - 3 : right + 3] = False
    assert not green.any()


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
        note = f"a.rec record 0: 1 of 2 found, 0 wrong, from score {seen.min_score:g} on; the image cannot be drawn"
        assert samples["a.rec record 0"].caption == note and pixels(samples["a.rec record 0"]) == (240, 240)
        assert note in [picture.caption for picture in best]
        assert "cannot" not in samples["a.rec record 2"].caption
    assert len(caplog.messages) == 1 and re.search(r"a\.rec, record 0, .*cannot be decoded", caplog.messages[0])


def test_other_images_are_refused(gallery: Gallery, found: list[Detections]) -> None:
    with pytest.raises(DatasetError, match="8 images were scored of 9 records"):
        Seen(gallery, found[:-1])
