"""What the converters write reads the same in GluonCV, MXNet and DALI."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.format.labels import build_label, parse_label
from dali_ssd.records.format.recordio import MAGIC, Header, pack
from dali_ssd.records.writer import ShardWriter

mx = pytest.importorskip("mxnet")
gluoncv = pytest.importorskip("gluoncv")

MAGIC_BYTES = struct.pack("<I", MAGIC)
PAYLOADS = [b"image", MAGIC_BYTES, MAGIC_BYTES * 2 + b"x", b"ab" + MAGIC_BYTES, b"abcd" + MAGIC_BYTES + b"e" * 301]
SKIPS = [[], [0], [5, 6], list(range(7)), list(range(7, 14)), list(range(6, 15)), [19], list(range(1, 20))]


def records() -> list[bytes]:
    rng = np.random.default_rng(0)
    labels = [build_label(rng.random((i % 4, 4)), np.arange(i % 4), header=[0.5] * (i % 3)) for i in range(20)]
    return [pack(Header(label, i), PAYLOADS[i % 5]) for i, label in enumerate(labels)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    with ShardWriter(tmp_path, "t", 3) as writer:
        for record in records():
            writer.write(record)
    return open_dataset(str(tmp_path / "t-*.rec"))


def test_shards_are_byte_for_byte_what_mxnet_writes(dataset: Dataset, tmp_path: Path) -> None:
    for number, shard in enumerate(dataset.shards):
        peer = mx.recordio.MXIndexedRecordIO(str(tmp_path / "peer.idx"), str(tmp_path / "peer.rec"), "w")
        for i in range(number, 20, 3):
            peer.write_idx(i, records()[i])
        peer.close()
        assert shard.read_bytes() == (tmp_path / "peer.rec").read_bytes()
        assert shard.with_suffix(".idx").read_bytes() == (tmp_path / "peer.idx").read_bytes()


def test_mxnet_reads_our_records(dataset: Dataset) -> None:
    for number, shard in enumerate(dataset.shards):
        peer = mx.recordio.MXIndexedRecordIO(str(shard.with_suffix(".idx")), str(shard), "r")
        assert peer.keys == list(range(number, 20, 3))
        for i in peer.keys:
            header, payload = mx.recordio.unpack(peer.read_idx(i))
            assert (header.id, payload) == (i, PAYLOADS[i % 5])
        peer.close()


@pytest.mark.parametrize("skip", SKIPS, ids=str)
def test_dali_reads_the_merged_index(dataset: Dataset, tmp_path: Path, skip: list[int]) -> None:
    pytest.importorskip("nvidia.dali")
    from nvidia.dali import fn, pipeline_def

    kept = dataset.without(skip)

    @pipeline_def(batch_size=len(kept), num_threads=1, device_id=None)
    def read():  # type: ignore[no-untyped-def]
        jpegs, labels = fn.readers.mxnet(
            path=[str(shard) for shard in kept.shards], index_path=[str(kept.merged_index(tmp_path / "merged"))]
        )
        return jpegs, labels, fn.get_property(jpegs, key="source_info")

    pipe = read()
    pipe.build()
    jpegs, labels, places = pipe.run()
    for i in range(len(kept)):
        header, payload = kept.read(i)
        assert bytes(np.asarray(jpegs.at(i))) == payload
        np.testing.assert_array_equal(labels.at(i), header.label)
        where = bytes(np.asarray(places.at(i))).decode()
        place = kept.place(i)
        assert where == f"{place.shard} at index {place.offset}"


def read_by_gluoncv(shard: Path) -> list[tuple[tuple[int, int], npt.NDArray[Any]]]:
    """Height and width, and label rows xmin ymin xmax ymax id [difficult] in pixels."""
    peer = gluoncv.data.RecordFileDetection(str(shard))
    return [(image.shape[:2], label) for image, label in (peer[i] for i in range(len(peer)))]


def test_voc(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "bccd"
    converted = convert(VocConfig(source, tmp_path, split="test"))
    ids = (source / "ImageSets" / "Main" / "test.txt").read_text().split()
    found = read_by_gluoncv(converted.shards[0])
    assert len(found) == len(ids) == converted.report.images
    for identity, (size, label) in zip(ids, found, strict=True):
        root = ElementTree.parse(source / "Annotations" / f"{identity}.xml").getroot()
        expected = [
            [float(element.findtext(f"bndbox/{corner}") or "") - 1 for corner in ("xmin", "ymin", "xmax", "ymax")]
            + [converted.classes.index(element.findtext("name") or ""), float(element.findtext("difficult") or 0)]
            for element in root.iter("object")
        ]
        limits = [size[1], size[0], size[1], size[0], np.inf, np.inf]
        expected = [row for row in np.clip(expected, 0, limits).tolist() if row[0] < row[2] and row[1] < row[3]]
        np.testing.assert_allclose(label, expected, rtol=1e-6, atol=1e-4)


def test_coco(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "photos"
    converted = convert(CocoConfig(source, tmp_path))
    content = json.loads((source / "instances.json").read_text())
    found = read_by_gluoncv(converted.shards[0])
    assert len(found) == len(content["images"])
    for image, (size, label) in zip(content["images"], found, strict=True):
        with Image.open(source / "images" / image["file_name"]) as opened:
            assert opened.size[::-1] == size
        entries = [e for e in content["annotations"] if e["image_id"] == image["id"] and not e["iscrowd"]]
        rows = [(*e["bbox"], e["category_id"]) for e in entries] or [(0, 0, 0, 0, -1)]
        expected = [[x, y, min(x + w, size[1]), min(y + h, size[0]), c] for x, y, w, h, c in rows]
        np.testing.assert_allclose(label, expected, rtol=1e-6, atol=1e-4)


def test_our_parser_agrees_with_gluoncv(real_data: Path, tmp_path: Path) -> None:
    shard = convert(VocConfig(real_data / "bccd", tmp_path, split="val")).shards[0]
    dataset = open_dataset(shard)
    for i, (size, label) in enumerate(read_by_gluoncv(shard)):
        objects = parse_label(dataset.read(i)[0].label)
        pixels = objects.boxes * np.array([size[1], size[0], size[1], size[0]], np.float32)
        np.testing.assert_array_equal(label, np.column_stack([pixels, objects.class_ids, objects.difficult]))
