from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.cli.main import main
from dali_ssd.errors import ConfigError, DaliSsdError, DatasetError
from dali_ssd.records import inspect as module
from dali_ssd.records.check import check
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.framing import shard_structure
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import fix
from dali_ssd.records.writer import ShardFile
from dali_ssd.util.files import locked
from tests.support.records import BOX, Write, encoded, record, starts

GOOD = [record([(0.1, 0.1, 0.2 + i / 40, 0.5)], [i % 3]) for i in range(12)]


def look(shard: Path, **options: object) -> DatasetReport:
    return check(CheckConfig((str(shard),), workers=1, **options))  # type: ignore[arg-type]


def kinds(checked: DatasetReport) -> list[str]:
    return [found.kind for found in checked.findings]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def faulty(write: Write) -> Path:
    """Twelve good records and seven that are not; the shard's end is cut off."""
    bad = [
        record(image=b"text"),
        record(image=encoded()[:-9]),
        record([BOX, (0.5, 0.2, 0.1, 0.6)]),
        record([(4, 3, 20, 15)]),
        record([BOX, (0.5, 0.5, 1.5, 0.9), (0.1, 0.2, 0.1, 0.6)]),
        record(label=[2, 5, 1]),
        record(),
    ]
    shard = write([*GOOD, *bad])
    shard.write_bytes(shard.read_bytes()[:-40])
    return shard


FAULTS = [
    "truncated-shard", "not-an-image", "truncated-image", "inverted-box", "overhanging-box",
    "zero-area-box", "bad-label", "pixel-coordinates",
]  # fmt: skip


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


def test_command(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(faulty.parent)
    assert command.run([str(faulty), "--json", str(tmp_path / "f.json"), "--show", "1"]) == 1
    printed = capsys.readouterr().out
    for kind in FAULTS:
        assert kind in printed
    assert "1 shard, 18 records: 6 errors, 2 warnings, 0 notes" in printed
    assert (
        f"{faulty}, record 14, byte {starts([*GOOD, record(image=b'text'), record(image=encoded()[:-9])])[14]}"
        in printed
    )
    data = json.loads((tmp_path / "f.json").read_text())
    assert (data["records"], data["errors"], len(data["findings"])) == (18, 6, 8)
    assert {"kind", "severity", "shard", "key", "offset", "object", "message", "advice"} == set(data["findings"][0])
    assert snapshot(faulty.parent) == before


def test_command_exit_codes(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(write(GOOD))]) == 0
    assert main(["check", str(tmp_path / "none.rec")]) == 2
    assert "dali-ssd: error: there is no file" in capsys.readouterr().err


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


def test_quarantine(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(faulty.parent)
    assert command.run([str(faulty), "--quarantine", str(tmp_path / "out")]) == 1
    assert "13 records kept (0 mended), 6 left out" in capsys.readouterr().out
    assert snapshot(faulty.parent) == before
    shard = tmp_path / "out" / "a.rec"
    assert len(open_dataset(shard)) == 13
    checked = look(shard)
    assert set(kinds(checked)) == {"left-out", "overhanging-box", "zero-area-box"}
    assert "not-an-image" in (tmp_path / "out" / "a.left-out.txt").read_text()


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


@pytest.mark.parametrize("repair", ["fix", "quarantine"])
def test_repairs_never_touch_what_is_there(faulty: Path, repair: str) -> None:
    with pytest.raises(DaliSsdError, match="exists already"):
        command.run([str(faulty), f"--{repair}", str(faulty.parent)])


@pytest.mark.parametrize("repair", ["fix", "quarantine"])
def test_nothing_to_keep(write: Write, tmp_path: Path, repair: str) -> None:
    shard = write([record(image=b"")])
    with pytest.raises(DatasetError, match="nothing was written"):
        command.run([str(shard), f"--{repair}", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_two_shards_of_one_name(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.rec").write_bytes(shard.read_bytes())
    checked = check(CheckConfig((str(shard), str(tmp_path / "more" / "a.rec")), workers=1))
    with pytest.raises(DaliSsdError, match="same name"):
        quarantine(checked.reports, checked.findings, tmp_path / "out")


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


def test_faults_of_options_come_together() -> None:
    with pytest.raises(ConfigError, match=r"workers.*show.*coordinates"):
        CheckConfig(("a",), workers=-1, show=-1, coordinates="miles")  # type: ignore[arg-type]


INDEX_FAULTS: dict[str, Callable[[list[str]], list[str]]] = {
    "a record is not in it": lambda lines: lines[:5] + lines[6:],
    "an entry points into the middle": lambda lines: [*lines[:5], "5\t40\n", *lines[6:]],
    "a record twice": lambda lines: [*lines[:6], f"40\t{lines[5].split()[1]}\n", *lines[6:]],
    "a key twice": lambda lines: [*lines[:5], f"4\t{lines[5].split()[1]}\n", *lines[6:]],
    "it is empty": lambda lines: [],
}


@pytest.mark.parametrize("fault", INDEX_FAULTS)
def test_no_record_is_lost_for_a_fault_of_the_index(write: Write, tmp_path: Path, fault: str) -> None:
    index = write(GOOD).with_suffix(".idx")
    index.write_text("".join(INDEX_FAULTS[fault](index.read_text().splitlines(keepends=True))))
    assert command.run([str(index.with_suffix(".rec")), "--fix", str(tmp_path / "out")]) == 1
    fixed = open_dataset(tmp_path / "out" / "a.rec")
    original = open_dataset(write(GOOD, "b"))
    assert [fixed.read(i)[1] for i in range(len(fixed))] == [original.read(i)[1] for i in range(12)]
    assert "lost" not in (tmp_path / "out" / "fixed.txt").read_text()


@pytest.mark.parametrize("fault", ["a record twice", "a key twice"])
def test_quarantine_keeps_the_records_of_a_faulty_index(write: Write, tmp_path: Path, fault: str) -> None:
    index = write(GOOD).with_suffix(".idx")
    index.write_text("".join(INDEX_FAULTS[fault](index.read_text().splitlines(keepends=True))))
    assert command.run([str(index.with_suffix(".rec")), "--quarantine", str(tmp_path / "out")]) == 1
    assert len(open_dataset(tmp_path / "out" / "a.rec")) == 12
    assert look(tmp_path / "out" / "a.rec").exit_code == 0


def test_what_quarantine_has_left_out_is_not_found_again(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    data = shard.read_bytes()
    shard.write_bytes(data[: starts(GOOD)[3] - 3] + data[starts(GOOD)[3] :])
    assert command.run([str(shard), "--quarantine", str(tmp_path / "out")]) == 1
    assert look(tmp_path / "out" / "a.rec").count("error") == 0


@pytest.mark.parametrize("repair", ["fix", "quarantine"])
def test_class_names_go_along(faulty: Path, tmp_path: Path, repair: str) -> None:
    (faulty.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    assert command.run([str(faulty), f"--{repair}", str(tmp_path / "out")]) == 1
    assert (tmp_path / "out" / "classes.txt").read_text() == "cat\ndog\nowl\n"


def test_an_earlier_list_of_changes_is_not_replaced(write: Write, tmp_path: Path) -> None:
    first, second = write([*GOOD, record(image=b"")]), write([*GOOD, record(image=b"")], "b")
    command.run([str(first), "--fix", str(tmp_path / "out")])
    with pytest.raises(DaliSsdError, match=r"fixed\.txt exists already"):
        command.run([str(second), "--fix", str(tmp_path / "out")])


@pytest.mark.parametrize("name", ["a.rec", "a.idx", "classes.txt"])
def test_findings_are_not_written_over_a_shard(write: Write, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write(GOOD)
    before = snapshot(shard.parent)
    with pytest.raises(SystemExit):
        command.run([str(shard), "--json", str(shard.parent / name)])
    assert "json must be a name that ends in .json" in " ".join(capsys.readouterr().err.replace("│", "").split())
    assert snapshot(shard.parent) == before


def test_a_record_that_loses_all_its_objects_is_no_background(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record([(0.5, 0.2, 0.1, 0.6)]), record([BOX, (0.5, 0.2, 0.1, 0.6)]), record([])])
    assert command.run([str(shard), "--fix", str(tmp_path / "out")]) == 1
    dataset = open_dataset(tmp_path / "out" / "a.rec")
    assert [dataset.place(i).key for i in range(len(dataset))] == [*range(12), 13, 14]
    assert "record 12, " in (tmp_path / "out" / "fixed.txt").read_text()
    assert "dropped, none of its objects can stay" in (tmp_path / "out" / "fixed.txt").read_text()


@pytest.mark.parametrize("repair", ["--fix", "--quarantine"])
def test_two_repairs_into_one_folder(
    faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], repair: str
) -> None:
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out"):
        assert main(["check", str(faulty), repair, str(tmp_path / "out")]) == 2
    assert "another process is writing to" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
    assert main(["check", str(faulty), repair, str(tmp_path / "out")]) == 1


@pytest.mark.parametrize("option", ["--fix", "--quarantine", "--json"])
def test_what_is_in_the_way_is_said_before_the_check(
    faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the shards were looked through")

    monkeypatch.setattr(command, "check", never)
    (tmp_path / "out").write_text("a file")
    assert main(["check", str(faulty), option, str(tmp_path / "out" / "x.json")]) == 2
    assert "cannot create files in" in capsys.readouterr().err


def test_json_counts_each_kind(faulty: Path) -> None:
    checked = check(CheckConfig((str(faulty),)))
    kinds = checked.as_json()["kinds"]
    assert {kind: entry["count"] for kind, entry in kinds.items()} == {kind: checked.count(kind) for kind in kinds}
    assert {found.kind for found in checked.findings} == kinds.keys()
    assert [entry["severity"] for entry in kinds.values()] == sorted(
        (entry["severity"] for entry in kinds.values()), key=["error", "warning", "note"].index
    )


def test_a_folder_is_no_place_for_findings(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").mkdir()
    assert main(["check", str(faulty), "--json", str(tmp_path / "a.json")]) == 2
    assert "a.json is a folder" in capsys.readouterr().err


def test_two_repairs_want_two_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two folders"):
        CheckConfig(("a.rec",), fix=tmp_path / "out", quarantine=tmp_path / "x" / ".." / "out")


@pytest.mark.parametrize("repair", ["--fix", "--quarantine"])
def test_nothing_is_repaired_where_a_shard_cannot_be_read(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repair: str
) -> None:
    good, other = write(GOOD), write(GOOD, "b")

    def refuse(shard: Path) -> object:
        if shard == other:
            raise DatasetError(f"cannot read {shard}: Input/output error")
        return shard_structure(shard)

    monkeypatch.setattr(module, "shard_structure", refuse)
    assert main(["check", str(good), str(other), repair, str(tmp_path / "out")]) == 2
    assert f"nothing was repaired, since {other} cannot be read" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_quarantine_keeps_what_no_index_lists(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    for lines in (5, 0):
        index = shard.with_suffix(".idx")
        index.write_text("".join(index.read_text().splitlines(keepends=True)[:lines]))
        checked = look(shard, quarantine=tmp_path / str(lines))
        repaired = quarantine(checked.reports, checked.findings, tmp_path / str(lines))
        assert (repaired.kept, repaired.dropped) == (len(GOOD), 1)
        assert len(open_dataset(tmp_path / str(lines) / shard.name)) == len(GOOD)
        assert look(tmp_path / str(lines) / shard.name).exit_code == 0


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


def test_a_class_id_that_is_not_whole_is_said_once(write: Write) -> None:
    shard = write([record([BOX, BOX], [25.5, 30])])
    found = look(shard, classes="20").findings
    assert [(f.kind, f.place.object) for f in found] == [("bad-class", 0), ("unknown-class", 1)]


def test_names_that_are_no_text(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    for suffix in (".rec", ".idx"):
        shard.with_suffix(suffix).rename(tmp_path / f"x\udcff{suffix}")
    assert main(["check", str(tmp_path / "x\udcff.rec"), "--fix", str(tmp_path / "out")]) == 1
    assert "x\udcff.rec" in (tmp_path / "out" / "fixed.txt").read_text(errors="surrogateescape")
