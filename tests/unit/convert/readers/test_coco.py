from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.convert.readers.coco import CocoConfig, read_coco
from dali_ssd.convert.run import convert
from dali_ssd.errors import AnnotationError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from tests.support.annotations import Coco


def test_boxes_and_class_order(coco: Coco, out: Path) -> None:
    coco.image(7)
    coco.categories(zebra=2, ant=9, bee=5)
    coco.box(7, 9, [10, 5, 40, 20])
    coco.box(7, 2, [0, 0, 100, 50])
    coco.save()
    assert convert(CocoConfig(coco.root, out)).classes == ("zebra", "bee", "ant")
    objects = parse_label(open_dataset(out / "data.rec").read(0)[0].label)
    np.testing.assert_array_equal(objects.boxes, np.array([[0.1, 0.1, 0.5, 0.5], [0, 0, 1, 1]], np.float32))
    assert objects.class_ids.tolist() == [2, 0]


@pytest.mark.parametrize("keep", [False, True])
def test_crowd(coco: Coco, out: Path, keep: bool) -> None:
    coco.image(0)
    coco.categories(cat=1)
    coco.box(0, 1, [10, 5, 40, 20], iscrowd=1)
    coco.box(0, 1, [10, 5, 40, 20], iscrowd=0)
    coco.save()
    report = convert(CocoConfig(coco.root, out, crowd=keep)).report
    objects = parse_label(open_dataset(out / "data.rec").read(0)[0].label)
    assert objects.difficult.tolist() == ([True, False] if keep else [False])
    assert report.count("crowd") == (0 if keep else 1)


def test_notes(coco: Coco, out: Path) -> None:
    coco.image("first")
    coco.image("second")
    coco.categories(cat=1, dog=2)
    coco.box("first", 1, [10, 5, 400, 20])
    coco.box("first", 1, [10, 5, 0, 20])
    coco.box("first", 1, [10, 5, -5, 20])
    coco.box("first", 2, [10, 5, 5, 20])
    coco.box("first", 3, [10, 5, 5, 20])
    coco.box("third", 1, [10, 5, 5, 20])
    coco.save()
    report = convert(CocoConfig(coco.root, out, classes="cat")).report
    counts = {
        kind: report.count(kind) for kind in ("clipped", "zero-area", "inverted", "unknown-class", "unknown-image")
    }
    assert counts == {"clipped": 1, "zero-area": 1, "inverted": 1, "unknown-class": 2, "unknown-image": 1}
    assert (report.images, report.objects, report.count("empty")) == (2, 1, 1)


@pytest.mark.parametrize(
    "bbox", [[0.1, 0.1, 0.5, 0.5], [10.25, 5, -5, 20], [10, 5, 0, 20], [1234567.5, 5, 5, 20], [10, 5, 473.07, 20]]
)
def test_notes_have_the_numbers_of_the_file(coco: Coco, out: Path, bbox: list[float]) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [0, 0, 50, 25], iscrowd=1)
    coco.box(1, 1, [0, 0, 50, 25])
    coco.box(1, 1, bbox)
    coco.save()
    assert f"cat bbox {json.dumps(bbox)}" in "".join(convert(CocoConfig(coco.root, out)).report.lines())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("annotations/instances_val.json", {"split": "val"}),
        ("instances_val.json", {"split": "val"}),
        ("instances.json", {}),
        ("labels/mine.json", {"annotations": "labels/mine.json"}),
    ],
)
def test_annotations_are_found(coco: Coco, out: Path, name: str, options: dict[str, Any]) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 5, 5, 20])
    coco.save(name)
    assert convert(CocoConfig(coco.root, out, **options)).report.images == 1


def test_source_may_be_the_file(coco: Coco, out: Path) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 5, 5, 20])
    assert convert(CocoConfig(coco.save(), out)).report.images == 1


def test_images_of_a_split_and_elsewhere(coco: Coco, out: Path) -> None:
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 5, 5, 20])
    coco.save()
    (coco.root / "images").rename(coco.root / "val")
    assert convert(CocoConfig(coco.root, out, split="val")).report.images == 1
    assert convert(CocoConfig(coco.root, out, images="val")).report.images == 1
    with pytest.raises(AnnotationError, match="nothing to write"):
        convert(CocoConfig(coco.root, out / "other"))


def broken(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 50}],
        "annotations": [{"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    content.update(changes)
    return content


ANNOTATION = {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no list 'images'"),
        (broken(annotations=None), "no list 'annotations'"),
        (broken(categories=[3]), "no list 'categories'"),
        (broken(images=[{"file_name": "a"}]), "'id' is missing"),
        (broken(images=[{"id": 1}]), "'file_name' is missing"),
        (
            broken(images=[{"id": 1, "file_name": "a"}, {"id": 1.0, "file_name": "b"}]),
            "images number 0: id 1, 'a'",
        ),
        (
            broken(categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": "1", "name": "c"}]),
            "categories number 0, 'a', and number 2, 'c', both have the id 1; give each its own",
        ),
        (broken(categories=[{"id": 1, "name": 3}]), "'name' is 3"),
        (broken(categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]), "same name"),
        (broken(annotations=[{**ANNOTATION, "bbox": [1, 2, 3]}]), "annotation 4: 'bbox'"),
        (broken(annotations=[{**ANNOTATION, "bbox": [1, 2, 3, "4"]}]), "not four numbers"),
        (broken(annotations=[{**ANNOTATION, "bbox": [1, 2, 3, 10**400]}]), "too large"),
        (broken(annotations=[{**ANNOTATION, "image_id": None}]), "'image_id' is None"),
        (broken(annotations=[{**ANNOTATION, "category_id": True}]), "'category_id' is True"),
    ],
)
def test_broken_file_is_named(coco: Coco, out: Path, content: Any, message: str) -> None:
    (coco.root / "instances.json").write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=message) as caught:
        convert(CocoConfig(coco.root, out))
    assert "instances.json" in str(caught.value)
    assert not out.exists() or os.listdir(out) == []


def test_images_with_one_id_are_left_out_with_their_objects_and_named(coco: Coco, out: Path) -> None:
    """Nobody can tell whose the objects are: pycocotools gives those of both to the last."""
    for name in ("a", "b", "c"):
        coco.image(name)
    coco.content["images"][2]["id"] = "a"
    coco.categories(cat=1)
    for image in ("a", "b"):
        coco.box(image, 1, [10, 5, 5, 20])
    coco.save()
    report = convert(CocoConfig(coco.root, out)).report
    assert (report.images, report.objects, report.count("same-image-id"), report.count("unknown-image")) == (1, 1, 2, 0)
    lines = "\n".join(report.lines())
    assert "images number 0: id a, 'a.jpg'" in lines and "images number 2: id a, 'c.jpg'" in lines
    with pytest.raises(AnnotationError, match=r"bad image or annotation.*number 0, others have the same id.*'a.jpg'"):
        convert(CocoConfig(coco.root, out, on_bad="raise", overwrite=True))


def test_an_image_listed_again_is_taken_once(coco: Coco, out: Path) -> None:
    coco.image("a")
    coco.content["images"] *= 3
    coco.categories(cat=1)
    for _ in range(2):
        coco.box("a", 1, [10, 5, 5, 20], id=1)  # nothing refers to the ids of annotations
    coco.save()
    report = convert(CocoConfig(coco.root, out)).report
    assert (report.images, report.objects, report.count("repeated-image")) == (1, 2, 2)
    assert "images number 2: id a, 'a.jpg'" in "\n".join(report.lines())


@pytest.mark.parametrize("text", ["", "{", '{"images": [', "\x00", "[" * 100_000])
def test_not_json(coco: Coco, out: Path, text: str) -> None:
    (coco.root / "instances.json").write_text(text)
    with pytest.raises(AnnotationError, match=r"cannot read the annotations .*instances\.json"):
        convert(CocoConfig(coco.root, out))


def test_no_file(coco: Coco, out: Path) -> None:
    with pytest.raises(AnnotationError, match="--annotations"):
        convert(CocoConfig(coco.root, out))


scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.just("1"), st.just([]))
entries = st.lists(
    st.dictionaries(
        st.sampled_from(["id", "image_id", "category_id", "bbox", "file_name", "name", "width", "iscrowd"]),
        scalars | st.lists(scalars, min_size=4, max_size=4),
        max_size=8,
    ),
    max_size=3,
)


@given(st.fixed_dictionaries({"images": entries, "annotations": entries, "categories": entries}))
def test_arbitrary_entries(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "arbitrary.json"
    path.write_text(json.dumps(content))
    try:
        samples, _, _ = read_coco(CocoConfig(path, path.parent))
    except AnnotationError as error:
        assert "arbitrary.json" in str(error)
        return
    assert all(len(sample.names) == len(sample.boxes) for sample in samples)
