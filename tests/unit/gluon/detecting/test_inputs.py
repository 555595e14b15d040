from __future__ import annotations

import os
from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.gluon.detecting.inputs import find_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.PNG",
        "a.jpg",
        "notes.txt",
        "movie.mpg",
        "no-suffix",
        "deep/er/a.jpg",
        ".hidden/c.jpg",
        ".d.jpg",
        "t.rec",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(paths: tuple[Path, ...], folder: Path) -> list[str]:
    return [str(path.relative_to(folder / "in")) for path in paths]


def test_a_folder_is_its_images_and_those_below(folder: Path) -> None:
    found = find_inputs([str(folder / "in" / "deep")])
    assert names(found.images, folder) == ["deep/er/a.jpg"] and found.passed_over == 0
    found = find_inputs([str(folder / "in")])
    assert names(found.images, folder) == ["a.jpg", "b.PNG", "deep/er/a.jpg"]
    assert found.passed_over == 4 and found.shards == ()


def test_files_patterns_and_shards(folder: Path) -> None:
    inside = folder / "in"
    found = find_inputs(
        [str(inside / "no-suffix"), str(inside / "*.jpg"), str(inside / "a.jpg"), str(inside / "t.rec")]
    )
    assert names(found.images, folder) == ["no-suffix", "a.jpg"]  # each once
    assert names(found.shards, folder) == ["t.rec"]
    assert names(find_inputs([str(inside / "**" / "a.jpg")]).images, folder) == ["a.jpg", "deep/er/a.jpg"]


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    """So that each is named when it cannot be read."""
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "b").mkdir()
    (tmp_path / "folder.jpg").symlink_to("b")
    assert find_inputs([str(tmp_path)]).images == (tmp_path / "gone.jpg", tmp_path / "loop.jpg")
    assert find_inputs([str(tmp_path / "g*")]).images == (tmp_path / "gone.jpg",)


def test_pipes_in_folders_are_found(tmp_path: Path) -> None:
    """Likewise."""
    for name in ("pipe.jpg", "pipe"):
        os.mkfifo(tmp_path / name)
    found = find_inputs([str(tmp_path)])
    assert (found.images, found.passed_over) == ((tmp_path / "pipe.jpg",), 1)


def test_results_are_left_alone_unless_a_path_names_them(folder: Path) -> None:
    inside, out = folder / "in", folder / "in" / "deep"
    for given in (inside, inside / "*"):
        found = find_inputs([str(given)], out)
        assert found.results == 1 and {"a.jpg", "b.PNG"} <= {*names(found.images, folder)}
        assert inside / "deep/er/a.jpg" not in found.images
    for given in (out, out / "er", out / "*"):
        found = find_inputs([str(given)], out)
        assert found.results == 0 and names(found.images, folder) == ["deep/er/a.jpg"]
    assert find_inputs([str(inside)], inside).folders == (inside,)


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].jpg").touch()
    assert find_inputs([str(tmp_path / "a[1].jpg")]).images == (tmp_path / "a[1].jpg",)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.jpg", "there is no .*none.jpg; give image files"),
        ("none*.jpg", "nothing matches .*none"),
        ("empty", "no images among 0 files in .*empty"),
        ("in/t.idx", "is an index; give the shard"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, path: str, message: str) -> None:
    if path.endswith(".idx"):
        (folder / path).touch()
    with pytest.raises(DatasetError, match=message):
        find_inputs([str(folder / path)])


def test_a_shard_given_twice_is_refused(folder: Path) -> None:
    with pytest.raises(DatasetError, match="given twice"):
        find_inputs([str(folder / "in" / "t.rec"), str(folder / "in" / "*.rec")])
