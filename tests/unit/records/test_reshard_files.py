"""Files around resharding: what is there already, class names, names, interruptions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.errors import ConfigError, DaliSsdError, DatasetError
from dali_ssd.records import reshard as module
from dali_ssd.records.format.index import index_path
from dali_ssd.records.options import ReshardConfig
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.files import locked
from tests.support.check import GOOD, snapshot
from tests.support.nobody import as_nobody
from tests.support.records import Write
from tests.support.reshard import cut, deal, records_of


def test_existing_shards_are_kept_unless_told(write: Write, tmp_path: Path) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    deal(shard, out=out, shards=2)
    before = snapshot(out)
    with pytest.raises(DaliSsdError, match="exists already; choose another name or folder, or add --overwrite"):
        deal(shard, out=out, shards=3)
    assert snapshot(out) == before
    deal(shard, out=out, shards=3, overwrite=True)
    assert len(list(out.glob("*.rec"))) == 3


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_of_the_given_shards(write: Write, overwrite: bool) -> None:
    """Under another name: the given shards stay, and their class names serve the new ones too."""
    shard = write(GOOD)
    (shard.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    before = snapshot(shard.parent)
    result = deal(shard, out=shard.parent, stem="b", shards=2, overwrite=overwrite)
    assert snapshot(shard.parent).items() >= before.items()
    assert len(snapshot(shard.parent)) == len(before) + 4 and result.classes == ("cat", "dog", "owl")


def same_name(shard: Path, out: Path) -> Path:
    out.rmdir()
    out.symlink_to(shard.parent)
    return shard


def link_to_given(shard: Path, out: Path) -> Path:
    (out / "a.rec").symlink_to(shard)
    return shard


def given_by_link(shard: Path, out: Path) -> Path:
    (out / "a-00000-of-00009.rec").write_bytes(shard.read_bytes())
    link = out / "link.rec"
    link.symlink_to(out / "a-00000-of-00009.rec")
    return link


def hard_link(shard: Path, out: Path) -> Path:
    os.link(shard, out / "a.rec")
    return shard


def index_by_link(shard: Path, out: Path) -> Path:
    os.rename(index_path(shard), out / "a.idx")
    index_path(shard).symlink_to(out / "a.idx")
    return shard


@pytest.mark.parametrize("link", [same_name, link_to_given, given_by_link, hard_link, index_by_link])
def test_given_shards_are_never_replaced(write: Write, tmp_path: Path, link: Callable[[Path, Path], Path]) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    out.mkdir()
    given_shard = link(shard, out)
    before = snapshot(shard.parent), snapshot(out)
    for count in (1, 2):
        with pytest.raises(ConfigError, match=r"would be replaced, and belongs to the given shard .*; choose another"):
            deal(given_shard, out=out, stem="a", shards=count, overwrite=True)
    assert (snapshot(shard.parent), snapshot(out)) == before


def test_class_names_go_along(write: Write, tmp_path: Path) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    (shard.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    assert deal(shard, out=out).classes == ("cat", "dog", "owl")
    assert (out / "classes.txt").read_text() == "cat\ndog\nowl\n"
    deal(shard, out=out, stem="more")
    with pytest.raises(DatasetError, match=r"classes\.txt lists other classes"):
        deal(shard, out=out, stem="other", classes="owl,dog,cat")
    deal(shard, out=out, stem="other", classes="owl,dog,cat", overwrite=True)
    assert (out / "classes.txt").read_text() == "owl\ndog\ncat\n"


def test_class_names_that_disagree(write: Write, tmp_path: Path) -> None:
    one, two, out = write(GOOD, "a"), tmp_path / "two" / "b.rec", tmp_path / "out"
    two.parent.mkdir()
    two.write_bytes(one.read_bytes())
    (one.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    with pytest.raises(DatasetError, match=rf"none in {two.parent}; .* give the names by --classes"):
        deal(one, two, out=out)
    (two.parent / "classes.txt").write_text("dog\ncat\nowl\n")
    with pytest.raises(DatasetError, match=r"the class names differ between .*; give them by --classes"):
        deal(one, two, out=out)
    assert not out.exists()
    assert deal(one, two, out=out, classes="x,y,z").classes == ("x", "y", "z")


def test_class_names_of_the_given_shards_stay(write: Write) -> None:
    """Other names in their folder would be theirs, too."""
    shard = write(GOOD)
    (shard.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    before = snapshot(shard.parent)
    with pytest.raises(DatasetError, match=r"classes\.txt lists other classes"):
        deal(shard, out=shard.parent, stem="other", classes="owl,dog,cat", overwrite=True)
    assert snapshot(shard.parent) == before
    deal(shard, out=shard.parent, stem="other", classes="cat,dog,owl", overwrite=True)


def test_what_cannot_be_leaves_no_folder(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    for options in ({"stem": "a/b"}, {"shards": 100_000}):
        with pytest.raises(ConfigError):
            deal(shard, out=tmp_path / "new", **options)
        assert not (tmp_path / "new").exists()


def test_names_of_other_classes_are_not_taken_over(write: Write, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "classes.txt").write_text("car\nbus\n")
    shard = write(GOOD)
    for overwrite in (False, True):
        with pytest.raises(DatasetError, match="would name the classes of the new shards"):
            deal(shard, out=tmp_path / "out", overwrite=overwrite)
    assert (tmp_path / "out" / "classes.txt").read_text() == "car\nbus\n"


def test_names_of_new_shards(write: Write, tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "set", "train", 2) as writer:
        for one in GOOD:
            writer.write(one)
    assert [path.name for path in deal(*writer.paths, out=tmp_path / "1").shards] == ["train.rec"]
    assert [path.name for path in deal(*writer.paths, write(GOOD), out=tmp_path / "2").shards] == ["data.rec"]
    assert [path.name for path in deal(*writer.paths, out=tmp_path / "3", stem="x").shards] == ["x.rec"]
    for stem in ("a/b", ".a", "caf\udce9"):
        with pytest.raises(DaliSsdError, match=r"plain file name|not UTF-8"):
            deal(*writer.paths, out=tmp_path / "4", stem=stem)


def test_faults_of_options_come_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shards.*seed.*on_bad.*out must be a folder"):
        ReshardConfig(("a.rec",), Path("b.rec"), shards=0, seed=-1, on_bad="keep")  # type: ignore[arg-type]
    (tmp_path / "b.rec").mkdir()
    assert ReshardConfig(("a.rec",), tmp_path / "b.rec").shards == 1


def test_place_for_the_result_is_looked_at_first(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--out .* is a file; give a folder"):
        deal(shard, out=tmp_path / "file")
    with pytest.raises(DaliSsdError, match=r"cannot create files in .*; choose another folder"):
        deal(shard, out=tmp_path / "file" / "inside")


def test_folders_that_cannot_be_written_to() -> None:
    """Not a byte is written beside the given shards, which may be read-only; but the new ones need a place."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are private
        given_folder, closed = Path(name) / "given", Path(name) / "closed"
        with ShardWriter(given_folder, "a") as writer:
            for one in GOOD:
                writer.write(one)
        shard = writer.paths[0]
        index_path(shard).unlink()
        closed.mkdir()
        for folder, mode in ((name, 0o777), (given_folder, 0o555), (closed, 0o555)):
            os.chmod(folder, mode)
        with as_nobody():
            for place in (closed, closed / "new"):
                with pytest.raises(DaliSsdError, match=r"cannot create files in .*: Permission denied; choose another"):
                    deal(shard, out=place)
            assert records_of(*deal(shard, out=Path(name) / "new").shards) == GOOD
        assert [path.name for path in given_folder.iterdir()] == ["a.rec"] and not list(closed.iterdir())


def test_two_runs_into_one_folder(write: Write, tmp_path: Path) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    out.mkdir()
    with locked(out), pytest.raises(DaliSsdError, match="another process is writing to"):
        deal(shard, out=out)
    assert not list(out.iterdir())
    deal(shard, out=out)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", ["while it copies", "when all is copied", "while it is put on disk"])
def test_interruption_leaves_what_was_there(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: str
) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    (shard.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    deal(shard, out=out, shards=2, classes="one,two,three")
    before = snapshot(out)

    def interrupted(*_: object) -> Any:
        raise error

    def after_some(items: Sequence[Any], *_: object) -> Any:
        yield from items[:5]
        raise error

    place, failing = {
        "while it copies": ("dali_ssd.records.reshard.track", after_some),
        "when all is copied": ("dali_ssd.records.reshard._require_enough", interrupted),
        "while it is put on disk": ("dali_ssd.records.writer.sync_file", interrupted),
    }[at]
    monkeypatch.setattr(place, failing)
    with pytest.raises((KeyboardInterrupt, OSError, DaliSsdError)):
        deal(shard, out=out, shards=3, overwrite=True)
    assert snapshot(out) == before
    with pytest.raises((KeyboardInterrupt, OSError, DaliSsdError)):
        deal(shard, out=tmp_path / "new", shards=3)
    assert not list((tmp_path / "new").iterdir())


def test_shard_that_changes_meanwhile(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard, copy = write(GOOD), module._copy

    def shorter(*arguments: Any) -> Any:
        cut(shard)
        return copy(*arguments)

    monkeypatch.setattr(module, "_copy", shorter)
    with pytest.raises(DatasetError, match="truncated"):
        deal(shard, out=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
