from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

pytest.importorskip("gluoncv")

from dali_ssd.errors import ConfigError, DaliSsdError, RecordLocation
from dali_ssd.gluon.detecting.results import LINES, Results, _turned, require_place
from dali_ssd.gluon.detecting.run import Seen
from dali_ssd.visualize.grid import Tile, tile_picture
from tests.support.records import encoded


def seen(**more: Any) -> Seen:
    place = RecordLocation(Path("a.rec"), 7, 0)
    found = {
        "boxes": np.array([[1.23456, 2, 3, 4.5]]),
        "class_ids": np.array([1], np.int32),
        "scores": np.array([0.1], np.float32),
    }
    return Seen(
        **{"file": None, "place": place, "image": encoded(), "size": (40, 30), "orientation": 1, **found, **more}
    )


def write(folder: Path, *images: Seen, pictures: bool = True) -> list[dict[str, Any]]:
    with Results(folder, ["<a>", "b"], pictures) as results:
        for one in images:
            results.add(one)
    return [json.loads(line) for line in (folder / LINES).read_text(encoding="utf-8").splitlines()]


def test_a_line_says_what_is_found(tmp_path: Path) -> None:
    record, file = write(tmp_path, seen(), seen(file=Path("x/y.png"), orientation=6, size=(30, 40)))
    assert record == {
        "shard": "a.rec", "record": 7, "width": 40, "height": 30, "turned": False, "picture": "a-7.jpg",
        "detections": [{"class": "b", "class_id": 1, "score": 0.1, "box": [1.235, 2.0, 3.0, 4.5]}],
    }  # fmt: skip
    assert (file["file"], file["turned"], file["picture"]) == ("x/y.png", True, "y.jpg")
    with Image.open(tmp_path / "y.jpg") as picture:
        assert picture.format == "JPEG" and picture.size == (240, 320)


def test_a_score_comes_back_to_the_bit(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random(50, np.float32)
    [line] = write(tmp_path, seen(boxes=np.zeros((50, 4)), class_ids=np.zeros(50, np.int32), scores=scores))
    assert np.array([one["score"] for one in line["detections"]], np.float32).tobytes() == scores.tobytes()


def test_images_of_the_same_name_have_pictures_of_their_own(tmp_path: Path) -> None:
    files = [Path("a/x.jpg"), Path("b/x.jpg"), Path("c/X.png"), Path("x-2.jpg")]
    lines = write(tmp_path, *(seen(file=file) for file in files))
    assert [line["picture"] for line in lines] == ["x.jpg", "x-2.jpg", "X-3.jpg", "x-2-2.jpg"]
    assert len(list(tmp_path.glob("*.jpg"))) == 4


def test_pictures_may_be_left_out(tmp_path: Path) -> None:
    assert [line["picture"] for line in write(tmp_path, seen(), pictures=False)] == [None]
    assert [path.name for path in tmp_path.iterdir()] == [LINES]


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_has_boxes_in_its_own_pixels_and_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    """Of an image that is decoded at half its size, since a picture needs no more."""
    tiles: list[Tile] = []

    def keeping(tile: Tile, *args: Any, **options: Any) -> Image.Image:
        tiles.append(tile)
        return tile_picture(tile, *args, **options)

    monkeypatch.setattr("dali_ssd.gluon.detecting.results.tile_picture", keeping)
    size = (2600, 40) if orientation == 1 else (40, 2600)
    boxes = np.array([[2, 4, 20, 30], [10, 20, 30, 40.5]])
    found = {"boxes": boxes, "class_ids": np.array([1, 0], np.int32), "scores": np.array([0.75, 0.25], np.float32)}
    write(tmp_path, seen(image=encoded(size=(2600, 40)), size=size, orientation=orientation, **found))
    [tile] = tiles
    assert (tile.image.shape[1], tile.image.shape[0]) == (size[0] // 2, size[1] // 2)
    np.testing.assert_array_equal(tile.boxes, boxes / 2)
    assert tile.class_ids.tolist() == [1, 0]
    assert tile.scores is not None and tile.scores.tolist() == [0.75, 0.25]


def test_an_image_that_cannot_be_drawn_has_a_line(tmp_path: Path) -> None:
    with Results(tmp_path, ["a", "b"], True) as results:
        for image in (encoded(), b"no image", encoded(), b"none either"):
            results.add(seen(image=image))
        assert (results.images, results.undrawn, results.objects) == (4, 2, 4)
    lines = [json.loads(line) for line in (tmp_path / LINES).read_text().splitlines()]
    assert [line["picture"] for line in lines] == ["a-7.jpg", None, "a-7-2.jpg", None]
    assert all(line["detections"] for line in lines)


def test_a_name_that_is_no_text_is_written(tmp_path: Path) -> None:
    [line] = write(tmp_path, seen(file=Path("a\udce9.jpg")))
    assert line["file"] == "a\udce9.jpg"


def test_lines_are_kept_after_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = tmp_path / f"{LINES}.part"
    with pytest.raises(KeyboardInterrupt), Results(tmp_path, ["a", "b"], False) as results:
        results.add(seen())
        assert len(part.read_text().splitlines()) == 1  # at once
        results.add(seen())
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == [part] and len(part.read_text().splitlines()) == 2
    assert caplog.messages == [f"interrupted: 2 lines in {part}"]
    with pytest.raises(ConfigError, match=r"has 2 lines of a run that was interrupted, in detections.jsonl.part; "):
        require_place(tmp_path, [], overwrite=False)
    require_place(tmp_path, [], overwrite=True)
    assert len(write(tmp_path, seen(), pictures=False)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [LINES]


def test_what_is_left_of_an_earlier_run_is_said_after_an_interrupt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = [seen(file=Path(f"{name}.jpg")) for name in "abc"]
    write(tmp_path, *earlier)
    with pytest.raises(KeyboardInterrupt), Results(tmp_path, ["a", "b"], True) as results:
        results.add(earlier[0])
        results.add(seen(file=Path("new.jpg")))
        raise KeyboardInterrupt
    lines = tmp_path / LINES
    assert caplog.messages == [
        f"interrupted: 2 lines in {lines}.part; {lines} still has the 3 lines of an earlier run, "
        "of whose pictures this one has replaced 1"
    ]
    assert len(lines.read_text().splitlines()) == 3


def test_nothing_is_left_of_a_run_without_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt), Results(tmp_path, ["a", "b"], False):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir()) and not caplog.messages


def test_one_process_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    with Results(tmp_path, ["a", "b"], False) as results:
        results.add(seen())
        with pytest.raises(DaliSsdError, match="another process is writing to"), Results(tmp_path, ["a"], False):
            pass
    assert len((tmp_path / LINES).read_text().splitlines()) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_viewers_show_it(orientation: int) -> None:
    raw = np.random.default_rng(0).integers(0, 255, (3, 5, 3), np.uint8)
    image = Image.fromarray(raw)
    image.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(_turned(raw, orientation), np.asarray(ImageOps.exif_transpose(image)))


def test_no_file_is_replaced_silently(tmp_path: Path) -> None:
    require_place(tmp_path / "new", [], overwrite=False)
    require_place(tmp_path / "new", [], overwrite=False)  # still empty
    (tmp_path / "new" / "a").touch()
    with pytest.raises(ConfigError, match="has files already; choose another folder, or replace them by --overwrite"):
        require_place(tmp_path / "new", [], overwrite=False)
    require_place(tmp_path / "new", [], overwrite=True)
    with pytest.raises(ConfigError, match="is a file; give a folder"):
        require_place(tmp_path / "new" / "a", [], overwrite=True)
    with pytest.raises(ConfigError, match="has files that are to be read"):
        require_place(tmp_path / "new", [tmp_path / "new" / "a"], overwrite=True)
    with pytest.raises(ConfigError, match="has files that are to be read"):
        require_place(tmp_path / "new", [tmp_path / "new"], overwrite=True)  # a folder that is searched
    require_place(tmp_path / "new", [tmp_path], overwrite=True)
