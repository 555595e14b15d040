"""DALI's reader against our own: every record that a dataset names, with its own bytes and its own place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import pipeline_def

from dali_ssd.graph.source import READER, ReaderSlice, read, source_info
from dali_ssd.records.dataset import Dataset, open_dataset
from tests.support.shards import write


@pipeline_def(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
def _records(shard: ReaderSlice) -> tuple[object, ...]:
    images, labels = read(shard, shuffle=False)
    return images, labels, source_info(images)


def _write_shards(folder: Path, counts: list[int]) -> list[Path]:
    """Shards of so many records each; no two payloads are equal, nor of one length."""
    records = [(np.array([2, 5, i, 0, 0, 1, 1], np.float32), bytes([i]) * (9 + 7 * i)) for i in range(sum(counts))]
    ends = np.cumsum(counts)
    parts = [records[end - count : end] for count, end in zip(counts, ends, strict=True)]
    return [path for shard, part in enumerate(parts) for path in write(folder, part, stem=f"s{shard}")]


def _check_all_read(dataset: Dataset) -> None:
    pipeline = _records(ReaderSlice(dataset.shards, dataset.merged_index()))
    pipeline.build()
    assert pipeline.reader_meta(READER)["epoch_size"] == len(dataset)
    for number in range(len(dataset)):
        image, label, place = (np.asarray(tensors[0]) for tensors in pipeline.run())
        header, payload = dataset.read(number)
        expected = dataset.place(number)
        assert image.tobytes() == payload
        np.testing.assert_array_equal(label, header.label)
        assert place.tobytes().decode() == f"{expected.shard} at index {expected.offset}"


@settings(max_examples=40)
@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=4), data=st.data())
def test_all_records_but_those_left_out(counts: list[int], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        dataset = open_dataset(_write_shards(Path(name), counts))
        left_out = data.draw(st.sets(st.integers(0, len(dataset) - 1), max_size=len(dataset) - 1))
        _check_all_read(dataset.without(sorted(left_out)))


@pytest.mark.parametrize("left_out", [[], [1, 2], [0, 1, 2]], ids=str)
def test_a_last_shard_with_one_record(tmp_path: Path, left_out: list[int]) -> None:
    _check_all_read(open_dataset(_write_shards(tmp_path, [3, 1])).without(left_out))
