from __future__ import annotations

import io
import json
import os
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.errors import DatasetError, MissingDependencyError, RecordError, RecordLocation
from dali_ssd.records import inspect as module
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.content import LabelUnit
from dali_ssd.records.lint.coordinate_unit import LabelUnits, guess_unit, resolve_unit
from dali_ssd.records.lint.framing import shard_structure
from dali_ssd.records.lint.shard_report import report_path
from dali_ssd.util import files
from tests.support.processes import in_processes
from tests.support.records import BOX, Write, encoded, record, starts

PIXELS = (4, 6, 20, 18)
GOOD = [record() for _ in range(20)]


def units(fractions: int, pixels: int, none: int = 0) -> LabelUnits:
    kinds: list[LabelUnit] = ["fraction"] * fractions + ["pixel"] * pixels + ["none"] * none
    return [(RecordLocation(Path("a.rec"), i, 100 * i), kind) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("fractions", "pixels", "expected"),
    [(0, 0, "fraction"), (5, 0, "fraction"), (0, 5, "pixel"), (9, 1, "fraction"), (1, 9, "pixel"), (8, 2, None)],
)
def test_coordinates_are_guessed_only_when_clear(fractions: int, pixels: int, expected: str | None) -> None:
    some = units(fractions, pixels, 3)
    assert guess_unit(some) == expected
    assert resolve_unit(some, "pixel") == "pixel"
    if expected is None:
        with pytest.raises(DatasetError, match=r"2 records with coordinates above 2 .*8 with none"):
            resolve_unit(some)
    else:
        assert resolve_unit(some) == expected


def test_clean_dataset(write: Write) -> None:
    shard = write(GOOD)
    report = inspect_shards(shard)
    assert (report.findings, report.unit, report.bad, report.lost) == ((), "fraction", (), 0)
    assert report.require_clean() is report.dataset and len(report.dataset) == 20
    assert len(report.without_bad()) == 20


def test_missing_index_is_built(write: Write) -> None:
    shard = write(GOOD)
    index = shard.with_suffix(".idx").read_bytes()
    shard.with_suffix(".idx").unlink()
    assert inspect_shards(shard).findings == ()
    assert shard.with_suffix(".idx").read_bytes() == index


def test_every_bad_record_is_named_at_once(write: Write) -> None:
    shard = write(
        [*GOOD[:3], record(image=b"text"), GOOD[0], record([BOX, (0.5, 0.2, 0.1, 0.6)]), record([PIXELS]), *GOOD]
    )
    report = inspect_shards(shard)
    assert report.bad == (3, 5, 6)
    with pytest.raises(DatasetError) as caught:
        report.require_clean()
    message = str(caught.value)
    for expected in ("record 3,", "record 5,", "object 1", "record 6,", "3 errors in the records", "dali-ssd check"):
        assert expected in message
    assert len(report.without_bad(0.2)) == 24
    with pytest.raises(DatasetError, match=r"bad records: 3 of 27, more than max_bad = 0\.01"):
        report.without_bad()


def test_a_file_lists_what_is_too_much_for_a_message(write: Write) -> None:
    with pytest.raises(DatasetError) as caught:
        inspect_shards(write([record(image=b"") for _ in range(80)])).require_clean()
    path = re.search(r"and 30 more; (.*) lists all", str(caught.value))
    assert path is not None and len(Path(path[1]).read_text().splitlines()) == 80


def test_list_of_errors(write: Write, tmp_path: Path) -> None:
    inspect_shards(write([*GOOD, record(image=b"")])).write_list(tmp_path / "bad.txt")
    lines = (tmp_path / "bad.txt").read_text().splitlines()
    assert len(lines) == 1 and lines[0].startswith("not-an-image\t") and "record 20" in lines[0]


def test_damaged_framing_and_index_are_skipped_too(write: Write) -> None:
    records = [record([(0.1, 0.1, 0.2, 0.3 + i / 50)]) for i in range(20)]
    shard = write(records)
    data = bytearray(shard.read_bytes())
    data[starts(records)[4]] ^= 1
    shard.write_bytes(data)
    for present in (True, False):
        if not present:
            shard.with_suffix(".idx").unlink()
        report = inspect_shards(shard)
        assert len(report.dataset) == 19 and report.bad == () and report.lost >= 1
        with pytest.raises(DatasetError):
            report.require_clean()
        kept = report.without_bad(0.2)
        assert [kept.place(i).offset for i in range(19)] == [at for i, at in enumerate(starts(records)[:-1]) if i != 4]
    with pytest.raises(RecordError):
        open_dataset(shard)


def test_number_of_classes(write: Write) -> None:
    shard = write([record([BOX, BOX, BOX], [9, 0, i]) if i == 9 else record([BOX, BOX], [0, i]) for i in range(10)])
    assert inspect_shards(shard, num_classes=10).bad == ()
    report = inspect_shards(shard, num_classes=8)
    assert report.bad == (8, 9) and {found.kind for found in report.errors} == {"unknown-class"}
    assert [(found.place.key, found.place.object) for found in report.errors] == [(8, 1), (9, 0), (9, 2)]
    assert "class 8, box (" in str(report.errors[0]) and "there are 8 classes" in str(report.errors[0])


def test_labels_that_are_guessed_to_be_in_pixels_are_told_of(write: Write) -> None:
    shard = write([record([PIXELS])] * 10)
    asked, guessed = inspect_shards(shard, coordinates="pixel"), inspect_shards(shard)
    assert (asked.unit, asked.findings) == ("pixel", ())
    assert guessed.unit == "pixel" and guessed.require_clean() is guessed.dataset
    assert [str(found) for found in guessed.findings] == [f"{shard}: 10 records; their boxes are taken as pixels"]


def test_ambiguous_labels(write: Write) -> None:
    shard = write([record([PIXELS])] * 10 + GOOD)
    unclear = inspect_shards(shard)
    with pytest.raises(DatasetError, match=r"cannot tell .* 10 records with coordinates above 2 .*20 with none"):
        unclear.require_readable()
    assert unclear.count("unclear-coordinates") == 1 and unclear.count("pixel-coordinates") == 10
    report = inspect_shards(shard, coordinates="fraction")
    assert len(report.bad) == 10 and report.errors[0].place.object == 0
    assert len(inspect_shards(shard, coordinates="pixel").bad) == 20


def test_second_look_comes_from_the_cache(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = write([*GOOD, record(image=b""), record([PIXELS], [7])])
    first = inspect_shards(shard, cache_dir=tmp_path / "cache", num_classes=3)

    def never(*_: object) -> None:
        raise AssertionError("looked again")

    with monkeypatch.context() as patch:
        patch.setattr(module, "shard_structure", never)
        again = inspect_shards(shard, cache_dir=tmp_path / "cache", num_classes=3)
        assert again.findings == first.findings and again.bad == first.bad == (20, 21)
        os.utime(shard, ns=(1, 1))
        with pytest.raises(AssertionError, match="looked again"):
            inspect_shards(shard, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"size": 1, "records": [[1]], "findings": []}', "\x00"])
def test_damaged_cache_is_made_again(write: Write, tmp_path: Path, content: str) -> None:
    shard = write(GOOD)
    first = inspect_shards(shard, cache_dir=tmp_path)
    path = report_path(shard, tmp_path)
    path.write_text(content)
    assert inspect_shards(shard, cache_dir=tmp_path).reports == first.reports
    assert json.loads(path.read_text())["size"] == shard.stat().st_size


def test_processes_look_at_once(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    shard.with_suffix(".idx").unlink()
    in_processes("fork", _look_often, [(shard, tmp_path / "cache")] * 3)
    assert len(list((tmp_path / "cache" / "reports").iterdir())) >= 1


def _look_often(shard: Path, cache: Path) -> None:
    for i in range(10):
        assert inspect_shards(shard, cache_dir=cache / str(i % 2)).bad == (20,)
        assert inspect_shards(shard, cache_dir=cache).bad == (20,)


def test_nothing_usable(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    shard.write_bytes(b"garbage" * 10)
    with pytest.raises(DatasetError, match="no records in"):
        inspect_shards(shard).require_readable()
    with pytest.raises(DatasetError, match="there is no file"):
        inspect_shards(tmp_path / "none.rec")
    bad = write([record(image=encoded()[:50])], "b")
    with pytest.raises(DatasetError, match="no records are left"):
        inspect_shards(bad).without_bad(1)


def test_a_name_that_dali_cannot_open(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD).rename(tmp_path / os.fsdecode(b"caf\xe9.rec"))
    other = write(GOOD, "b")
    report = inspect_shards([shard, other])
    (found,) = report.errors
    assert (found.kind, found.place.shard) == ("name-not-utf8", shard)
    assert rf"{tmp_path}/caf\xe9.rec" in found.message and (report.bad, report.lost) == ((), 0)
    with pytest.raises(DatasetError, match=r"DALI cannot open .*xe9\.rec, whose name is not UTF-8; rename it"):
        report.require_readable()
    text = write(GOOD, "c").rename(tmp_path / r"café \xe9 \udce9.rec")
    assert inspect_shards(text).findings == ()


def test_all_unreadable_shards_are_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = [write(GOOD, f"s{number}") for number in range(8)]

    def refuse(shard: Path) -> object:
        if shard in shards[: len(refused)]:
            raise DatasetError(f"cannot read {shard}: Permission denied")
        return shard_structure(shard)

    monkeypatch.setattr(module, "shard_structure", refuse)
    for refused in (shards[:2], shards[:7]):
        report = inspect_shards(shards, fresh=True)
        with pytest.raises(DatasetError) as caught:
            report.require_readable()
        assert [str(shard) in str(caught.value) for shard in shards] == [
            number < min(5, len(refused)) for number in range(8)
        ]
        assert str(caught.value).endswith("; and 2 shards more") == (len(refused) > 5)
        assert report.as_json()["shards"] == list(map(str, shards))


def test_a_shard_that_was_replaced_in_its_old_clothes(write: Write, tmp_path: Path) -> None:
    """Tools that copy files keep size and time."""
    shard, other = write(GOOD), write([*GOOD[1:], record([(0.9, 0.2, 0.5, 0.6)])], "b")
    assert inspect_shards(shard, cache_dir=tmp_path).errors == ()
    times = shard.stat()
    assert other.stat().st_size == times.st_size
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(shard)
    assert inspect_shards(shard, cache_dir=tmp_path).bad == (19,)


def test_without_dali_nobody_decodes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingDependencyError("nvidia-dali is not installed")

    monkeypatch.setattr(module, "decode_findings", missing)
    shard = write(GOOD)
    assert inspect_shards(shard, decoders=("opencv", "dali")).findings == ()
    with pytest.raises(MissingDependencyError):
        inspect_shards(shard, decoders=("dali",))


def test_what_holds_for_all_shards_has_no_place_in_one(write: Write) -> None:
    shards = [write([record([])] * 2, name) for name in ("a", "b")]
    text = [str(found) for found in inspect_shards(shards).findings if found.kind == "nothing-to-learn"]
    assert text == ["4 records without an object"]
    text = [str(found) for found in inspect_shards(shards[0]).findings if found.kind == "nothing-to-learn"]
    assert text == [f"{shards[0]}: 2 records without an object"]
    pixels = [write([record([PIXELS])] * 2, name) for name in ("c", "d")]
    assert [str(found) for found in inspect_shards(pixels).findings] == ["4 records; their boxes are taken as pixels"]


@pytest.mark.parametrize(("count", "words"), [(0, "0 classes"), (1, "there is 1 class"), (2, "2 classes (ids 0 to 1)")])
def test_words_agree_with_the_number_of_classes(write: Write, count: int, words: str) -> None:
    assert inspect_shards(write([record([BOX], [5])]), num_classes=count).errors[0].message.endswith(words)


def test_what_is_known_of_a_shard_holds_under_its_other_names(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shard = write([*GOOD, record([BOX, (0.5, 0.2, 0.1, 0.6)])])
    assert inspect_shards(shard).bad == (20,)
    monkeypatch.chdir(shard.parent)
    (tmp_path / "link.rec").symlink_to(shard)
    (tmp_path / "link.idx").symlink_to(shard.with_suffix(".idx"))
    for name in (Path(shard.name), tmp_path / "link.rec"):
        report = inspect_shards(name)
        assert report.bad == (20,) and report.lost == 0
        assert len(report.without_bad(0.1)) == 20


def test_damage_where_the_index_has_an_entry_counts_once(write: Write) -> None:
    shard = write(GOOD)
    data = bytearray(shard.read_bytes())
    data[starts(GOOD)[7]] ^= 1
    shard.write_bytes(data)
    report = inspect_shards(shard)
    (found,) = report.errors
    assert (found.kind, found.place.key, found.place.offset) == ("bad-magic", 7, starts(GOOD)[7])
    assert report.lost == 1


def test_a_fault_of_the_index_is_no_fault_of_the_record(write: Write) -> None:
    shard = write(GOOD)
    with shard.with_suffix(".idx").open("a") as index:
        index.write(f"40\t{starts(GOOD)[7]}\n")
    report = inspect_shards(shard)
    assert [found.kind for found in report.errors] == ["index-duplicate-offset"]
    assert len(report.without_bad()) == 20


def test_labels_have_a_digest(write: Write) -> None:
    boxes = [(0.1, 0.2, 0.5, 0.6), (0.1, 0.2, 0.5, 0.61)]
    digests = [inspect_shards(write([record([box])], f"s{i}")).label_digest for i, box in enumerate([*boxes, boxes[0]])]
    assert digests[0] != digests[1] and digests[0] == digests[2]


def test_share_of_progressive_images(write: Write, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG", progressive=True)
    shard = write([record(image=stream.getvalue()), *GOOD[:3]])
    shares = [
        inspect_shards(shard, cache_dir=tmp_path / "cache").progressive for _ in range(2)
    ]  # looked at, and from the cache
    assert shares == [0.25, 0.25]


DIFFICULT = [2, 6, 0, 0.1, 0.2, 0.5, 0.6, 1]
PLAIN = [2, 6, 0, 0.1, 0.2, 0.5, 0.6, 0]


@pytest.mark.parametrize(
    ("labels", "objects", "difficult", "kind"),
    [
        ([[2, 5], [2, 5, -1, 0, 0, 0, 0]], 0, 0, "nothing-to-learn"),
        ([[2, 5, 0, 0.2, 0.2, 0.2, 0.7], [2, 5, 0, 1.2, 0.2, 1.4, 0.7]], 0, 0, "nothing-to-learn"),
        ([DIFFICULT, [*DIFFICULT, *DIFFICULT[2:]], [2, 5]], 3, 3, "nothing-to-count"),
        ([DIFFICULT, PLAIN, [*PLAIN, 0, 0.5, 0.5, 0.5, 0.6, 0]], 3, 1, None),
        ([[2, 5, 0, 0.5, 0.5, 1.5, 0.9]], 1, 0, None),
    ],
)
def test_a_set_without_an_aim_is_told_of_and_refused(
    write: Write, labels: list[list[float]], objects: int, difficult: int, kind: str | None
) -> None:
    """`check` says what a training, or its scoring, will refuse."""
    report = inspect_shards(write([record(label=label) for label in labels]))
    assert (report.objects, report.difficult) == (objects, difficult)
    aims = {"nothing-to-learn", "nothing-to-count"} & {found.kind for found in report.findings}
    assert aims == ({kind} if kind else set())
    for refuse, when in (
        (report.require_objects, kind == "nothing-to-learn"),
        (report.require_countable, kind is not None),
    ):
        with pytest.raises(DatasetError) if when else nullcontext():
            refuse()


def test_objects_of_bad_records_are_no_aim(write: Write) -> None:
    report = inspect_shards(write([record(image=b""), record([])]))
    assert report.objects == 0 and report.count("nothing-to-learn") == 1
    assert inspect_shards(write([record(image=b"")], "b")).count("nothing-to-learn") == 0


def test_a_fresh_look_keeps_nothing_and_believes_nothing(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    inspect_shards(shard, cache_dir=tmp_path / "cache")
    times, data = shard.stat(), bytearray(shard.read_bytes())
    data[starts(GOOD)[4]] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    kept = sorted((tmp_path / "cache").rglob("*"))
    assert inspect_shards(shard, fresh=True, cache_dir=tmp_path / "cache").errors
    shard.with_suffix(".idx").unlink()
    inspect_shards(shard, fresh=True, cache_dir=tmp_path / "cache")
    assert sorted((tmp_path / "cache").rglob("*")) == kept and not shard.with_suffix(".idx").exists()


@pytest.mark.parametrize("part", ["index", "reports", "merged", "bad-records"])
def test_what_cannot_be_kept_in_the_cache_may_be_kept_elsewhere(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    shard, sync = write([record(image=b"")]), files.sync_file
    if part == "index":
        shard.with_suffix(".idx").unlink()
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))

    def refuse(path: Path) -> None:
        if path.parent.name == part or (part == "index" and path.parent == shard.parent):
            raise PermissionError(13, "Permission denied")
        sync(path)

    monkeypatch.setattr(files, "sync_file", refuse)
    with pytest.raises(DatasetError, match=rf"cannot write .*/cache/{part}/.*set DALI_SSD_CACHE"):
        report = inspect_shards(shard)
        report.require_readable()
        report.dataset.merged_index()
        report.write_list()
