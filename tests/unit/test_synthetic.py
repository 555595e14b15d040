from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dali_ssd import synthetic
from dali_ssd.errors import ConfigError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.classes import find_classes
from dali_ssd.records.format.labels import parse_label
from dali_ssd.synthetic import SHAPES, draw_scene, write_shapes


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_boxes_lie_inside_and_have_an_area(seed: int) -> None:
    image, boxes, ids = draw_scene(np.random.default_rng(seed))
    assert image.mode == "RGB"
    assert boxes.shape == (len(ids), 4)
    assert boxes.dtype == np.float32 and ids.dtype == np.int32
    assert ((boxes >= 0) & (boxes <= 1)).all()
    assert (boxes[:, 2:] - boxes[:, :2] > 0.05).all()
    assert ((ids >= 0) & (ids < len(SHAPES))).all()


def test_scenes_are_the_same_with_every_numpy() -> None:
    """NumPy 2 keeps float64 where NumPy 1 took float32: a demo on Python 3.13 had other images than one on 3.12."""
    digests = [zlib.crc32(np.asarray(draw_scene(np.random.default_rng(seed))[0]).tobytes()) for seed in range(4)]
    assert digests == [0x0B96AB11, 0x8F2B6CCE, 0xD4BAAF26, 0x4C0AE1E9]


@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_tight(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn on black in white, the paint ends where the boxes end."""
    monkeypatch.setattr(synthetic, "_background", lambda rng, width, height: Image.new("RGB", (width, height)))
    monkeypatch.setattr(synthetic, "_other_color", lambda rng, color: (255, 255, 255))
    image, boxes, _ = draw_scene(np.random.default_rng(seed))
    painted = np.asarray(image)[..., 0] > 100
    inside = np.zeros_like(painted)
    height, width = painted.shape
    for xmin, ymin, xmax, ymax in boxes * [width, height, width, height]:
        window = np.s_[int(ymin) : int(np.ceil(ymax)), int(xmin) : int(np.ceil(xmax))]
        inside[window] = True
        rows, columns = painted[window].any(axis=1), painted[window].any(axis=0)
        assert rows[:4].any() and rows[-4:].any()
        assert columns[:4].any() and columns[-4:].any()
    assert not (painted & ~inside).any()


def test_same_seed_same_shards(tmp_path: Path) -> None:
    first = write_shapes(tmp_path / "a", "train", 6, seed=3, num_shards=2)
    again = write_shapes(tmp_path / "b", "train", 6, seed=3, num_shards=2)
    other = write_shapes(tmp_path / "c", "train", 6, seed=4, num_shards=2)
    assert len(first) == 2
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.read_bytes() for path in first] != [path.read_bytes() for path in other]


def test_train_and_val_differ(tmp_path: Path) -> None:
    [train] = write_shapes(tmp_path, "train", 3, seed=3)
    [val] = write_shapes(tmp_path, "val", 3, seed=3)
    assert train.read_bytes() != val.read_bytes()


def test_shards_are_whole(tmp_path: Path) -> None:
    shards = write_shapes(tmp_path, "train", 60, seed=0, num_shards=3)
    assert find_classes(shards) == SHAPES
    dataset = open_dataset(shards)
    assert len(dataset) == 60
    counts, seen = [], set()
    for number in range(60):
        header, payload = dataset.read(number)
        objects = parse_label(header.label)
        counts.append(len(objects))
        seen |= set(objects.class_ids.tolist())
        with Image.open(io.BytesIO(payload)) as image:
            assert image.format == "JPEG"
    assert seen == set(range(len(SHAPES)))
    assert 0 in counts
    assert max(counts) > 2


def test_drawing_again_replaces(tmp_path: Path) -> None:
    write_shapes(tmp_path, "train", 4, seed=0, num_shards=2)
    write_shapes(tmp_path, "train", 2, seed=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classes.txt", "train.idx", "train.rec"]


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="greater than 0, not 0"):
        write_shapes(tmp_path, "train", 0, seed=0)
