from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.records import inspect as module
from dali_ssd.records.check import check
from dali_ssd.records.lint.framing import shard_structure
from dali_ssd.records.options import CheckConfig
from tests.support.check import FAULTS, GOOD, kinds, look
from tests.support.records import BOX, Write, encoded, record


def test_clean(write: Write) -> None:
    checked = look(write(GOOD))
    assert (checked.findings, checked.exit_code, checked.records) == ((), 0, 12)


def test_all_findings_not_the_first(faulty: Path) -> None:
    checked = look(faulty)
    assert sorted(kinds(checked)) == sorted(FAULTS)
    assert checked.exit_code == 1 and checked.records == 18
    for found in checked.findings:
        assert found.place.shard == faulty and found.place.offset is not None


def test_notes_do_not_fail(write: Write) -> None:
    odd = [encoded("PNG"), encoded("PNG"), encoded("JPEG", "L"), encoded(orientation=6)]
    checked = look(write([*GOOD, *[record(image=image) for image in odd], record([])]))
    assert sorted(kinds(checked)) == ["exif-rotation", "no-objects", "unusual-image", "unusual-image"]
    assert checked.exit_code == 0


def test_pixels_where_fractions_belong(write: Write) -> None:
    pixels, both = write([record([(4, 3, 20, 15)])] * 5), write([record([(4, 3, 20, 15)])] * 5 + GOOD, "b")
    assert kinds(look(pixels)) == ["labels-in-pixels"] and look(pixels).exit_code == 1
    assert kinds(look(pixels, coordinates="fraction")) == ["pixel-coordinates"] * 5
    assert kinds(look(pixels, coordinates="pixel")) == []
    assert kinds(look(both, coordinates="pixel")) == ["fraction-coordinates"] * 12
    assert kinds(look(both)) == ["unclear-coordinates", *["pixel-coordinates"] * 5]


def test_classes(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    assert kinds(look(shard, classes="2")) == ["unknown-class"] * 4
    assert kinds(look(shard, classes="a,b,c")) == []
    (shard.parent / "classes.txt").write_text("a\n")
    assert kinds(look(shard)) == ["unknown-class"] * 8
    with pytest.raises(ConfigError, match="at least 1"):
        look(shard, classes="0")


def test_unreadable_shard_does_not_stop_the_rest(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = write([record(image=b"")]), write(GOOD, "b")

    def refuse(shard: Path) -> object:
        if shard == second:
            raise DatasetError(f"cannot read {shard}: Permission denied")
        return shard_structure(shard)

    monkeypatch.setattr(module, "shard_structure", refuse)
    checked = check(CheckConfig((str(first), str(second)), workers=1))
    assert kinds(checked) == ["unreadable", "not-an-image"] and checked.exit_code == 2
    assert command.run([str(first), str(second)]) == 2
    assert "\n2 shards, of which 1 could be read, 1 record: 2 errors, 0 warnings" in capsys.readouterr().out


def test_workers_find_the_same(write: Write) -> None:
    shard = write([*GOOD, record(image=b"")] * 40)
    assert look(shard).findings == check(CheckConfig((str(shard),), workers=2)).findings


def test_decode_finds_what_the_structure_hides(write: Write) -> None:
    image = encoded(size=(200, 150))
    half = len(image) // 2
    flipped = image[:half] + bytes(400) + image[half + 400 :]
    png = bytearray(encoded("PNG"))
    png[len(png) // 2] ^= 1
    shard = write([*GOOD, record(image=flipped), record(image=bytes(png)), record(image=b"")])
    assert sorted(kinds(look(shard))) == ["not-an-image", "unusual-image"]
    checked = look(shard, decode=True)
    assert [(f.kind, f.place.key) for f in checked.findings if f.kind in ("damaged-image", "undecodable-image")] == [
        ("damaged-image", 12), ("undecodable-image", 13)
    ]  # fmt: skip
    assert "Corrupt JPEG" in next(f.message for f in checked.findings if f.kind == "damaged-image")


def test_faults_of_options_come_together() -> None:
    with pytest.raises(ConfigError, match=r"workers.*show.*coordinates"):
        CheckConfig(("a",), workers=-1, show=-1, coordinates="miles")  # type: ignore[arg-type]


def test_json_counts_each_kind(faulty: Path) -> None:
    checked = check(CheckConfig((str(faulty),)))
    kinds = checked.as_json()["kinds"]
    assert {kind: entry["count"] for kind, entry in kinds.items()} == {kind: checked.count(kind) for kind in kinds}
    assert {found.kind for found in checked.findings} == kinds.keys()
    assert [entry["severity"] for entry in kinds.values()] == sorted(
        (entry["severity"] for entry in kinds.values()), key=["error", "warning", "note"].index
    )


def test_two_repairs_want_two_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two folders"):
        CheckConfig(("a.rec",), fix=tmp_path / "out", quarantine=tmp_path / "x" / ".." / "out")


def test_a_class_id_that_is_not_whole_is_said_once(write: Write) -> None:
    shard = write([record([BOX, BOX], [25.5, 30])])
    found = look(shard, classes="20").findings
    assert [(f.kind, f.place.object) for f in found] == [("bad-class", 0), ("unknown-class", 1)]
