"""`check --fix`: a clean copy of all that can be repaired."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.cli.main import main
from dali_ssd.errors import DaliSsdError
from dali_ssd.records.check import check
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.rewrite import fix
from dali_ssd.records.writer import ShardFile
from tests.support.check import GOOD, INDEX_FAULTS, kinds, look, snapshot
from tests.support.records import BOX, Write, encoded, record, starts


def test_fix(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(faulty.parent)
    assert command.run([str(faulty), "--fix", str(tmp_path / "out")]) == 1
    assert "15 records kept (3 mended), 4 left out" in capsys.readouterr().out
    assert snapshot(faulty.parent) == before
    shard = tmp_path / "out" / "a.rec"
    checked = look(shard, decode=True)
    assert kinds(checked) == [] and checked.records == 15
    dataset = open_dataset(shard)
    assert [dataset.place(i).key for i in range(15)] == [*range(12), 14, 15, 16]
    assert [len(parse_label(dataset.read(i)[0].label)) for i in range(12, 15)] == [1, 1, 2]
    old, new = open_dataset(_without_end(faulty)), dataset
    assert [old.read(i)[1] for i in range(12)] == [new.read(i)[1] for i in range(12)]
    text = (tmp_path / "out" / "fixed.txt").read_text()
    for expected in (
        "record 12, ",
        "dropped, not-an-image",
        "object 1 removed",
        "pixel coordinates converted",
        ": lost",
    ):
        assert expected in text


def _without_end(shard: Path) -> Path:
    """The same shard with an index of the first twelve records."""
    lines = shard.with_suffix(".idx").read_text().splitlines(keepends=True)
    shard.with_suffix(".idx").write_text("".join(lines[:12]))
    return shard


def test_fix_brings_back_what_damage_hides(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    data = shard.read_bytes()
    shard.write_bytes(data[: starts(GOOD)[3] - 6] + data[starts(GOOD)[3] :])
    checked = look(shard)
    assert "misaligned" in kinds(checked) and checked.exit_code == 1
    fix(checked.reports, checked.findings, tmp_path / "out", "fraction", None)
    assert kinds(look(tmp_path / "out" / "a.rec")) == []
    assert len(open_dataset(tmp_path / "out" / "a.rec")) >= 10


def test_index_of_another_file_is_no_loss(write: Write, tmp_path: Path) -> None:
    shard, other = write(GOOD), write([record(image=encoded(size=(60, 50)))] * 3, "b")
    other.with_suffix(".idx").rename(shard.with_suffix(".idx"))
    checked = look(shard)
    assert kinds(checked) == ["index-foreign"]
    fix(checked.reports, checked.findings, tmp_path / "out", "fraction", None)
    assert len(open_dataset(tmp_path / "out" / "a.rec")) == 12


def test_full_disk_while_fixing(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(GOOD), write(GOOD, "b")
    checked = check(CheckConfig((str(first), str(second)), workers=1))
    plain = ShardFile.write

    def full(self: ShardFile, key: int, framed: bytes) -> None:
        if self.targets[0].name == "b.rec" and key == 5:
            raise OSError(28, "No space left on device")
        plain(self, key, framed)

    monkeypatch.setattr(ShardFile, "write", full)
    with pytest.raises(DaliSsdError, match="No space left"):
        fix(checked.reports, checked.findings, tmp_path / "out", "fraction", None)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("fault", INDEX_FAULTS)
def test_no_record_is_lost_for_a_fault_of_the_index(write: Write, tmp_path: Path, fault: str) -> None:
    index = write(GOOD).with_suffix(".idx")
    index.write_text("".join(INDEX_FAULTS[fault](index.read_text().splitlines(keepends=True))))
    assert command.run([str(index.with_suffix(".rec")), "--fix", str(tmp_path / "out")]) == 1
    fixed = open_dataset(tmp_path / "out" / "a.rec")
    original = open_dataset(write(GOOD, "b"))
    assert [fixed.read(i)[1] for i in range(len(fixed))] == [original.read(i)[1] for i in range(12)]
    assert "lost" not in (tmp_path / "out" / "fixed.txt").read_text()


def test_an_earlier_list_of_changes_is_not_replaced(write: Write, tmp_path: Path) -> None:
    first, second = write([*GOOD, record(image=b"")]), write([*GOOD, record(image=b"")], "b")
    command.run([str(first), "--fix", str(tmp_path / "out")])
    with pytest.raises(DaliSsdError, match=r"fixed\.txt exists already"):
        command.run([str(second), "--fix", str(tmp_path / "out")])


def test_a_record_that_loses_all_its_objects_is_no_background(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record([(0.5, 0.2, 0.1, 0.6)]), record([BOX, (0.5, 0.2, 0.1, 0.6)]), record([])])
    assert command.run([str(shard), "--fix", str(tmp_path / "out")]) == 1
    dataset = open_dataset(tmp_path / "out" / "a.rec")
    assert [dataset.place(i).key for i in range(len(dataset))] == [*range(12), 13, 14]
    assert "record 12, " in (tmp_path / "out" / "fixed.txt").read_text()
    assert "dropped, none of its objects can stay" in (tmp_path / "out" / "fixed.txt").read_text()


def test_a_fraction_among_pixels(write: Write, tmp_path: Path) -> None:
    pixels = (4, 6, 20, 18)
    shard = write([record([pixels]), record([pixels, (0.1, 0.2, 0.6, 0.7)]), record([pixels, (0, 0, 1, 1)])])
    checked = look(shard, coordinates="pixel")
    found = [(found.kind, found.place.key, found.place.object) for found in checked.findings]
    assert found == [("fraction-coordinates", 1, 1), ("fraction-coordinates", 2, 1)]
    fixed = fix(checked.reports, checked.findings, tmp_path / "out", "pixel", None)
    assert (fixed.kept, fixed.mended) == (3, 2)
    assert look(tmp_path / "out" / shard.name, coordinates="pixel").exit_code == 0
    assert kinds(look(shard, coordinates="fraction")) == ["pixel-coordinates"] * 3


def test_a_label_in_pixels_that_is_left_with_fractions(write: Write, tmp_path: Path) -> None:
    pixels = (4, 6, 20, 18)
    shard = write([record([pixels]), record([(256, 0.2, 0.5, 0.6), (-1, 0.3, 0.9, 0.8)])])
    checked = look(shard, coordinates="pixel")
    fixed = fix(checked.reports, checked.findings, tmp_path / "out", "pixel", None)
    assert (fixed.kept, fixed.dropped) == (1, 1)
    assert look(tmp_path / "out" / shard.name, coordinates="pixel").exit_code == 0


def test_names_that_are_no_text(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    for suffix in (".rec", ".idx"):
        shard.with_suffix(suffix).rename(tmp_path / f"x\udcff{suffix}")
    assert main(["check", str(tmp_path / "x\udcff.rec"), "--fix", str(tmp_path / "out")]) == 1
    assert "x\udcff.rec" in (tmp_path / "out" / "fixed.txt").read_text(errors="surrogateescape")
