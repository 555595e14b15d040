"""A full disk while writing: our error is raised, no partial file is left, and earlier files stay."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.errors import DaliSsdError
from dali_ssd.gluon.checkpoint.file import write_checkpoint
from dali_ssd.records.check import check
from dali_ssd.records.format.index import ensure_index, index_path
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import fix
from dali_ssd.synthetic import write_shapes
from tests.support.full_disk import full_disk

ROOM = 500
"""Bytes that a file may have."""


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), "train", 80, seed=0)[0]


def write_records(shard: Path, out: Path) -> None:
    write_shapes(out, "t", 4, seed=0, num_shards=2)


def write_fixed(shard: Path, out: Path) -> None:
    checked = check(CheckConfig((str(shard),), workers=1))
    fix(checked.reports, checked.findings, out, "fraction", None)


def write_quarantine(shard: Path, out: Path) -> None:
    checked = check(CheckConfig((str(shard),), workers=1))
    quarantine(checked.reports, checked.findings, out)


def write_index(shard: Path, out: Path) -> None:
    link = out / "linked.rec"
    link.symlink_to(shard)
    try:
        ensure_index(link)
    finally:
        link.unlink()


def write_cache(shard: Path, out: Path) -> None:
    inspect_shards(shard, cache_dir=out)


def write_arrays(shard: Path, out: Path) -> None:
    write_checkpoint(out / "a.ckpt", {"weights": np.zeros(1000)}, {"step": 1})


def write_converted(shard: Path, out: Path) -> None:
    source = shard.parent / "voc"
    if not source.exists():
        for folder in ("Annotations", "JPEGImages"):
            (source / folder).mkdir(parents=True)
        with full_disk(resource.RLIM_INFINITY):
            Image.new("RGB", (200, 100)).save(source / "JPEGImages" / "a.jpg")
            (source / "Annotations" / "a.xml").write_text(
                "<annotation><filename>a.jpg</filename><object><name>x</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
                "<xmax>50</xmax><ymax>50</ymax></bndbox></object></annotation>"
            )
    convert(VocConfig(source, out, workers=1))


@pytest.mark.parametrize(
    "write",
    [write_records, write_fixed, write_quarantine, write_index, write_cache, write_arrays, write_converted],
)
def test_error_and_no_half_file(shard: Path, tmp_path: Path, write: Callable[[Path, Path], None]) -> None:
    (tmp_path / "before").write_text("stays")
    with full_disk(ROOM), pytest.raises(DaliSsdError, match=r"cannot write.*: File too large"):
        write(shard, tmp_path)
    # A lock is a file without content, which stays.
    assert {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"} == {"before"}
    assert index_path(shard).exists() and os.path.getsize(shard) > ROOM
    write(shard, tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} != {"before"}


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.ckpt", {}, {"step": 1})
    before = (tmp_path / "a.ckpt").read_bytes()
    with full_disk(ROOM), pytest.raises(DaliSsdError, match=r"cannot write .*a\.ckpt"):
        write_checkpoint(tmp_path / "a.ckpt", {"weights": np.zeros(1000)}, {"step": 2})
    assert (tmp_path / "a.ckpt").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.ckpt"]


def test_fixed_shards_go_with_the_list_that_cannot_be_written(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_ssd.records.repair.rewrite.FIX_LIST", "no folder/list.txt")
    with pytest.raises(DaliSsdError, match=r"cannot write .*list\.txt"):
        write_fixed(shard, tmp_path)
    assert os.listdir(tmp_path) == []
