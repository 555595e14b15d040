from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.records.format.classes import find_classes, names_or_none, read_classes, require_same_classes


def test_list_and_file(tmp_path: Path) -> None:
    assert read_classes("cat, dog ,") == ("cat", "dog")
    assert read_classes("cat") == ("cat",)
    (tmp_path / "names.txt").write_text("cat\n\n big dog \n", encoding="utf-8")
    assert read_classes(str(tmp_path / "names.txt")) == ("cat", "big dog")
    assert read_classes(tmp_path / "names.txt") == ("cat", "big dog")


@pytest.mark.parametrize(
    ("spec", "message"),
    [("", "no class names"), (",", "no class names"), ("a,b,a", "more than once"), ("x.txt", "no file")],
)
def test_bad_lists(spec: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_classes(spec)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("cat\nCat\ndog\nCAT", ["have both cat and Cat", "have both cat and CAT"]),
        ("__background__\ncat", ["begin with __background__"]),
        ("BACKGROUND\ncat", ["begin with BACKGROUND"]),
        ("cat\nbackground", []),
    ],
)
def test_names_that_may_not_be_meant_are_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: str, words: list[str]
) -> None:
    (tmp_path / "classes.txt").write_text(names)
    for _ in range(2):
        assert read_classes(tmp_path / "classes.txt") == find_classes([tmp_path / "a.rec"]) == tuple(names.split())
    assert len(caplog.messages) == len(words)
    for message, word in zip(caplog.messages, words, strict=True):
        assert word in message and str(tmp_path / "classes.txt") in message


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no .*none\.txt"):
        read_classes(tmp_path / "none.txt")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DatasetError, match="no class names"):
        read_classes(tmp_path / "empty.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\x00\x80")
    with pytest.raises(DatasetError, match="cannot read"):
        read_classes(tmp_path / "binary.txt")


def test_beside_the_shards(tmp_path: Path) -> None:
    for name, text in (("a", "x\ny"), ("b", "x\ny"), ("c", "y\nx")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "classes.txt").write_text(text)
    assert find_classes([tmp_path / "a" / "1.rec", tmp_path / "b" / "2.rec"]) == ("x", "y")
    with pytest.raises(DatasetError, match="differ"):
        find_classes([tmp_path / "a" / "1.rec", tmp_path / "c" / "2.rec"])
    with pytest.raises(DatasetError, match=rf"^there is no {tmp_path / 'classes.txt'}: write the class names into it"):
        find_classes([tmp_path / "1.rec"])


def test_a_list_may_be_longer_than_the_name_of_a_file() -> None:
    names = [f"class number {number}" for number in range(1000)]
    assert list(read_classes(",".join(names))) == names


def test_names_that_nothing_gives(tmp_path: Path) -> None:
    shards = [tmp_path / "a" / "a.rec", tmp_path / "b" / "b.rec"]
    for shard in shards:
        shard.parent.mkdir()
    assert names_or_none("", shards) == () and names_or_none("cat,dog", shards) == ("cat", "dog")
    (tmp_path / "a" / "classes.txt").write_text("cat\n", encoding="utf-8")
    assert names_or_none("", shards) == () and names_or_none("", shards[:1]) == ("cat",)
    (tmp_path / "b" / "classes.txt").write_text("dog\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="the class names differ"):
        names_or_none("", shards)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").mkdir()
    with pytest.raises(DatasetError, match=r"classes\.txt: .*Is a directory"):
        names_or_none("", [tmp_path / "a.rec"])


def test_names_in_the_folder_of_new_shards(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    require_same_classes(path, ["cat"])
    path.write_text("cat\ndog\n", encoding="utf-8")
    require_same_classes(path, ["cat", "dog"])
    for other in (["dog", "cat"], ["cat"], []):
        with pytest.raises(DatasetError, match=r"classes\.txt lists other classes"):
            require_same_classes(path, other)
