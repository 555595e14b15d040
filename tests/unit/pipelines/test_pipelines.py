"""The pipelines whole, on the CPU."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import pipeline_def
from PIL import Image, ImageOps

from dali_ssd.bench.results.steps import STEPS
from dali_ssd.config import RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice, decode, image_shapes, read
from dali_ssd.graph.where import Where
from dali_ssd.kernels.augment.color import normalization
from dali_ssd.kernels.plan import MIRROR, WINDOW
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.decode.dali_messages import parse_source_info
from dali_ssd.records.format.labels import build_label, parse_label
from tests.support import oracle
from tests.support.cases import FULL_RANGE
from tests.support.pipes import ANCHORS, Dtype, Layout, Targets, arrays, train_pipeline, val_pipeline
from tests.support.shards import as_shard, draw, encoded, random_boxes, write, write_random


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> ReaderSlice:
    return as_shard(write_random(tmp_path_factory.mktemp("shards"), 12, num_shards=2))


@pytest.mark.parametrize("targets", ["exact", "box_encoder"])
@pytest.mark.parametrize(("layout", "dtype"), [("NCHW", "float32"), ("NHWC", "float16")])
def test_train(shard: ReaderSlice, layout: Layout, dtype: Dtype, targets: Targets) -> None:
    image = RenderConfig(data_shape=64, layout=layout, dtype=dtype)
    pipeline = train_pipeline(shard, 6, image=image, targets=TargetConfig(targets=targets))
    for _ in range(4):
        images, cls_targets, box_targets, places = (arrays(output) for output in pipeline.run())
        assert {array.shape for array in images} == {(3, 64, 64) if layout == "NCHW" else (64, 64, 3)}
        assert {array.dtype.name for array in images} == {dtype}
        assert {array.shape for array in cls_targets} == {(len(ANCHORS),)}
        assert {array.shape for array in box_targets} == {(len(ANCHORS), 4)}
        assert {array.dtype.name for array in (*cls_targets, *box_targets)} == {"float32"}
        for classes, offsets in zip(cls_targets, box_targets, strict=True):
            assert set(classes) <= {0, 1, 2, 3}
            assert not offsets[classes == 0].any() and np.isfinite(offsets).all()
        assert all(b".rec at index " in place.tobytes() for place in places)


def test_train_stops_after_each_step_that_the_benchmark_measures(shard: ReaderSlice) -> None:
    steps = list(STEPS)[:-1]  # the last one is the loader's
    outputs = [train_pipeline(shard, 4, until=step).run() for step in (*steps, None)]
    assert [len(found) for found in outputs] == [2, 4, 10, 15, 4, 3, 3, 4]
    assert [found[0].dtype.name for found in outputs] == ["UINT8"] * 5 + ["FLOAT"] * 3


def test_boxes_equal_the_oracle(tmp_path: Path) -> None:
    """What the view of the same plan shows of each record's objects, for several draws."""
    paths = write_random(tmp_path, 12)
    dataset, shard = open_dataset(list(paths)), as_shard(paths)
    planned = train_pipeline(shard, 12, until="plan")
    pipeline = train_pipeline(shard, 12, targets=TargetConfig(targets="boxes"))
    for _ in range(4):
        _, plans, _, _ = planned.run()
        images, labels, places = (arrays(output) for output in pipeline.run())
        assert {array.shape for array in images} == {(3, 64, 64)}
        assert len({array.shape for array in labels}) == 1 and labels[0].dtype == np.float32
        for plan, objects, place in zip(arrays(plans), labels, places, strict=True):
            number = dataset.find(*parse_source_info(place.tobytes().decode()))
            assert number is not None
            wanted = shown(dataset, number, plan)
            np.testing.assert_allclose(objects[: len(wanted)], wanted, atol=1e-3)
            assert (objects[len(wanted) :] == -1).all()


def shown(dataset: Dataset, number: int, plan: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """What the view of a plan shows of a record's objects."""
    header, payload = dataset.read(number)
    label = parse_label(header.label, dataset.place(number))
    with Image.open(io.BytesIO(payload)) as image:
        corners = label.boxes.astype(np.float64) * np.tile(image.size, 2)
    return oracle.objects_of(
        corners, label.class_ids.astype(np.float64), plan[WINDOW : WINDOW + 4], bool(plan[MIRROR]), 64
    )


def test_val(shard: ReaderSlice) -> None:
    images, labels, places = (arrays(output) for output in val_pipeline(shard, 12).run())
    assert {array.shape for array in images} == {(3, 64, 64)}
    assert len({array.shape for array in labels}) == 1 and labels[0].shape[1] == 6
    texts = [place.tobytes().decode() for place in places]
    assert texts == sorted(texts, key=lambda text: (text.split(" at ")[0], int(text.rsplit(" ", 1)[1])))


def one_batch(folder: Path, records: list[tuple[Any, bytes]], **options: Any) -> list[list[npt.NDArray[Any]]]:
    """What the validation pipeline makes of these records."""
    shard = as_shard(write(folder, records))
    return [arrays(output) for output in val_pipeline(shard, len(records), **options).run()]


@pytest.mark.parametrize("shape", [(40, 50), (100, 90), (64, 64), (40, 100), (1, 1), (200, 3)])
def test_val_equals_the_oracle(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = draw(np.random.default_rng(0), *shape)
    boxes = random_boxes(np.random.default_rng(1), 3)
    label = build_label(boxes, [2, 0, 1], [False, True, False])
    (image,), (objects,), _ = one_batch(tmp_path, [(label, encoded(pixels))])
    kind = "cubic" if max(shape) < 64 else "area" if min(shape) > 64 else "linear"
    wanted = oracle.render(pixels, (0, 0, shape[1], shape[0]), normalization(RenderConfig()), kind, False, 64)
    np.testing.assert_allclose(image, wanted, rtol=0, atol=1e-3 * FULL_RANGE)
    np.testing.assert_allclose(objects[:3, :4], boxes * 64, rtol=1e-5)
    assert objects[:3, 4:].tolist() == [[2, 0], [0, 1], [1, 0]]
    assert (objects[3:] == -1).all()


def test_records_without_objects(tmp_path: Path) -> None:
    """`[2, 5]`, an id of -1, and an object; a single number, which loaders refuse, harms nobody either."""
    image = encoded(draw(np.random.default_rng(0), 30, 40))
    labels = [[3.0], [2, 5], [2, 5, -1, 0, 0, 0, 0], build_label([(0.1, 0.1, 0.9, 0.9)], [4])]
    images, objects, _ = one_batch(tmp_path, [(np.array(label, np.float32), image) for label in labels])
    assert all(np.array_equal(other, images[0]) for other in images)
    assert [int((rows[:, 4] >= 0).sum()) for rows in objects] == [0, 0, 0, 1]
    assert all((rows == -1).all() for rows in objects[:3])

    outputs = [arrays(output) for output in train_pipeline(as_shard([tmp_path / "s.rec"]), 8).run()]
    assert {bool(classes.any()) for classes in outputs[1]} == {False, True}
    assert all(np.isfinite(array).all() for array in (*outputs[0], *outputs[2]))


def test_a_batch_without_any_object(tmp_path: Path) -> None:
    image = encoded(draw(np.random.default_rng(0), 30, 40))
    paths = write(tmp_path, [(np.array([2, 5], np.float32), image)] * 3)
    _, objects, _ = (arrays(output) for output in val_pipeline(as_shard(paths), 3).run())
    assert all(rows.shape[1] == 6 and (rows == -1).all() for rows in objects)
    for targets in ("exact", "box_encoder"):
        pipeline = train_pipeline(as_shard(paths), 3, targets=TargetConfig(targets=targets))
        _, cls_targets, box_targets, _ = (arrays(output) for output in pipeline.run())
        assert not np.any(cls_targets) and not np.any(box_targets)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "RGB", {}),
        ("PNG", "L", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("JPEG", "RGB", {"quality": 92}),
        ("JPEG", "RGB", {"quality": 92, "progressive": True}),
        ("JPEG", "L", {"quality": 92}),
        ("JPEG", "CMYK", {"quality": 92}),
        ("BMP", "RGB", {}),
    ],
)
def test_kinds_of_images(tmp_path: Path, kind: str, mode: str, options: dict[str, Any]) -> None:
    """All decode to about the picture that Pillow sees; JPEG and a palette lose a little."""
    pixels = draw(np.random.default_rng(0), 64, 64)
    payload = encoded(pixels, kind, mode, **options)
    (image,), _, _ = one_batch(tmp_path, [(np.array([2, 5], np.float32), payload)])
    wanted = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
    normalize = normalization(RenderConfig())
    found = (image.transpose(1, 2, 0) - normalize[:, 3]) / np.diag(normalize)
    assert np.abs(found - wanted).mean() < (12 if mode == "CMYK" else 2)


def rotated_jpegs() -> list[bytes]:
    """The same pixels with each of the eight EXIF orientations, and without one."""
    pixels = draw(np.random.default_rng(3), 48, 80)
    found = [encoded(pixels, "JPEG", quality=95)]
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found.append(encoded(pixels, "JPEG", quality=95, exif=exif))
    return found


def decoded(folder: Path, payloads: list[bytes], *, upright: bool) -> list[npt.NDArray[np.uint8]]:
    shard = as_shard(write(folder, [(np.array([2, 5], np.float32), payload) for payload in payloads]))

    @pipeline_def(batch_size=len(payloads), num_threads=2, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        from nvidia.dali import fn, types

        images, _ = read(shard, shuffle=False)
        extent = fn.cast(image_shapes(images, upright=upright)[0:2], dtype=types.INT32)
        return decode(images, fn.cat(extent * 0, extent), where=Where(), upright=upright)

    (images,) = pipeline().run()
    return arrays(images)


def test_exif_orientation_is_left_alone_as_in_mxnet(tmp_path: Path) -> None:
    """Labels of existing shards refer to what MXNet's decoder gave: to the bit, and so do the boxes."""
    mx = pytest.importorskip("mxnet")
    payloads = rotated_jpegs()
    for found, payload in zip(decoded(tmp_path, payloads, upright=False), payloads, strict=True):
        np.testing.assert_array_equal(found, mx.image.imdecode(payload).asnumpy())


@pytest.mark.parametrize("upright", [False, True])
def test_exif_orientation_of_image_and_boxes(tmp_path: Path, upright: bool) -> None:
    """Labels are fractions, so they are scaled alike; the image is turned only where that is asked for."""
    payloads = rotated_jpegs()
    label = build_label([(0.25, 0.5, 0.75, 1.0)], [1])
    images, objects, _ = one_batch(tmp_path, [(label, payload) for payload in payloads], upright=upright)
    for image, rows, payload in zip(images, objects, payloads, strict=True):
        with Image.open(io.BytesIO(payload)) as opened:
            pixels = np.asarray(ImageOps.exif_transpose(opened) if upright else opened)
        height, width = pixels.shape[:2]
        wanted = oracle.render(pixels, (0, 0, width, height), normalization(RenderConfig()), "linear", False, 64)
        np.testing.assert_allclose(image, wanted, rtol=0, atol=2 * FULL_RANGE / 255)
        np.testing.assert_allclose(rows, [[16, 32, 48, 64, 1, 0]], rtol=1e-6)


@pytest.mark.parametrize("upright", [False, True])
def test_a_region_of_a_turned_image_is_that_of_the_whole(tmp_path: Path, upright: bool) -> None:
    """The decoder cuts in the raster in which the plan was made."""
    payloads = rotated_jpegs()
    whole = decoded(tmp_path / "whole", payloads, upright=upright)
    shard = as_shard(write(tmp_path / "part", [(np.array([2, 5], np.float32), payload) for payload in payloads]))

    @pipeline_def(batch_size=len(payloads), num_threads=2, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        from nvidia.dali import types

        images, _ = read(shard, shuffle=False)
        return decode(
            images, types.Constant(np.array([7, 11, 30, 20], np.int32), device="cpu"), where=Where(), upright=upright
        )

    for part, image in zip(arrays(pipeline().run()[0]), whole, strict=True):
        np.testing.assert_array_equal(part, image[7:37, 11:31])
