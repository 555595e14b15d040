from __future__ import annotations

import base64
import html
import io
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.records.dataset import open_dataset
from dali_ssd.visualize import card as module
from dali_ssd.visualize.card import card, known_classes
from dali_ssd.visualize.grid import Tile
from tests.support.shards import write_random

NASTY = "<script>alert('&')</script>"


def tile() -> Tile:
    return Tile(np.zeros((20, 30, 3), np.uint8), np.array([[2, 2, 9, 9]], np.float32), np.zeros(1, np.int32))


def fail() -> Tile:
    raise OSError(f"gone: {NASTY}")


def text_of(shown: str) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", shown))


def pictures_in(shown: str) -> list[Image.Image]:
    data = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', shown)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]


def test_facts_and_a_picture() -> None:
    shown = card("Thing", lambda: {"a": 1, "b": "x"}, [tile, tile, tile], ["dog"], columns=2, side=100)
    assert text_of(shown).split() == ["Thing", "a", "1", "b", "x"]
    [picture] = pictures_in(shown)
    assert picture.size == (230, 2 * (67 + 10) + 10)


def test_names_are_escaped() -> None:
    shown = card(NASTY, lambda: {NASTY: Path(NASTY)}, [fail], [NASTY])
    assert "<script" not in shown and shown.count("&lt;script&gt;") == 4


def test_a_path_that_is_no_text_is_shown() -> None:
    card("x", lambda: {"shard": Path("a\udce9.rec")}, [], []).encode("utf-8")


def test_what_cannot_be_shown_is_said() -> None:
    def no_facts() -> Mapping[str, object]:
        raise ValueError("half made")

    shown = card("x", no_facts, [fail, tile, fail], [])
    assert "half made" in text_of(shown) and text_of(shown).count("no picture: gone") == 2
    assert len(pictures_in(shown)) == 1
    assert not pictures_in(card("x", dict, [fail], [])) and not pictures_in(card("x", dict, [], []))


def test_a_picture_that_cannot_be_drawn_is_said() -> None:
    broken = Tile(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    assert "no picture: " in card("x", dict, [lambda: broken], [])


def test_nobody_waits_for_slow_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)

    asked = 0

    def slow() -> Tile:
        nonlocal asked
        asked += 1
        time.sleep(0.1)
        return tile()

    assert pictures_in(card("x", dict, [slow] * 100, [], columns=100, side=50))[0].width == 70
    assert asked == 1


def test_class_names_are_those_beside_the_shards(tmp_path: Path) -> None:
    shards = write_random(tmp_path, 1)
    assert known_classes([]) == known_classes(shards) == ()
    (tmp_path / "classes.txt").write_text("a\nb\nc\n", encoding="utf-8")
    assert known_classes(shards) == ("a", "b", "c")
    (tmp_path / "classes.txt").write_text("a\na\n", encoding="utf-8")
    assert known_classes(shards) == ()


def test_a_dataset_and_a_record(tmp_path: Path) -> None:
    shards = write_random(tmp_path, 9, num_shards=2)
    (tmp_path / "classes.txt").write_text("a\n<b>\nc\n", encoding="utf-8")
    dataset = open_dataset(shards)
    shown = dataset._repr_html_()
    assert "records 9 shards 2: s-00000-of-00002.rec, s-00001-of-00002.rec classes a, <b>, c" in " ".join(
        text_of(shown).split()
    )
    assert len(pictures_in(shown)) == 1
    record = dataset[-1]
    assert record.place == dataset.place(8) and record.image == dataset.read(8)[1]
    assert [one.place.key for one in dataset] == dataset.keys.tolist()
    assert "key 7" in " ".join(text_of(record._repr_html_()).split())
    with pytest.raises(IndexError):
        dataset[9]


def test_a_dataset_whose_shard_has_gone(tmp_path: Path) -> None:
    dataset = open_dataset(write_random(tmp_path, 3))
    record = dataset[0]
    for path in tmp_path.iterdir():
        path.unlink()
    assert "records" in dataset._repr_html_() and "no picture: " in dataset._repr_html_()
    assert len(pictures_in(record._repr_html_())) == 1
