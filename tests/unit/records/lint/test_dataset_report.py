"""The requirements, numbers and lists of a report on shards."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError
from dali_ssd.records import inspect as module
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.framing import shard_structure
from tests.support.records import BOX, Write, encoded, record

PIXELS = (4, 6, 20, 18)
GOOD = [record() for _ in range(20)]


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


def test_what_holds_for_all_shards_has_no_place_in_one(write: Write) -> None:
    shards = [write([record([])] * 2, name) for name in ("a", "b")]
    text = [str(found) for found in inspect_shards(shards).findings if found.kind == "nothing-to-learn"]
    assert text == ["4 records without an object"]
    text = [str(found) for found in inspect_shards(shards[0]).findings if found.kind == "nothing-to-learn"]
    assert text == [f"{shards[0]}: 2 records without an object"]
    pixels = [write([record([PIXELS])] * 2, name) for name in ("c", "d")]
    assert [str(found) for found in inspect_shards(pixels).findings] == ["4 records; their boxes are taken as pixels"]


def test_labels_have_a_digest(write: Write) -> None:
    boxes = [(0.1, 0.2, 0.5, 0.6), (0.1, 0.2, 0.5, 0.61)]
    digests = [inspect_shards(write([record([box])], f"s{i}")).label_digest for i, box in enumerate([*boxes, boxes[0]])]
    assert digests[0] != digests[1] and digests[0] == digests[2]


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
    """`check` reports what training or scoring will refuse."""
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
