from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.errors import DatasetError, Place, RecordError
from dali_ssd.records import shard_report
from dali_ssd.records.coordinates import guess_coordinates, resolve_coordinates
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.shard_report import cached_report, report_identity
from dali_ssd.records.verify import verify
from tests.processes import in_processes

from .conftest import BOX, Write, encoded, record, starts

PIXELS = (4, 6, 20, 18)
GOOD = [record() for _ in range(20)]


def scales(fractions: int, pixels: int, none: int = 0) -> list[tuple[Place, str]]:
    kinds = ["fraction"] * fractions + ["pixel"] * pixels + ["none"] * none
    return [(Place(Path("a.rec"), i, 100 * i), kind) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("fractions", "pixels", "expected"),
    [(0, 0, "fraction"), (5, 0, "fraction"), (0, 5, "pixel"), (9, 1, "fraction"), (1, 9, "pixel"), (8, 2, None)],
)
def test_coordinates_are_guessed_only_when_clear(fractions: int, pixels: int, expected: str | None) -> None:
    some = scales(fractions, pixels, 3)
    assert guess_coordinates(some) == expected  # type: ignore[arg-type]
    assert resolve_coordinates(some, "pixel") == "pixel"  # type: ignore[arg-type]
    if expected is None:
        with pytest.raises(DatasetError, match=r"2 records have coordinates above 2 .*8 have none"):
            resolve_coordinates(some)  # type: ignore[arg-type]
    else:
        assert resolve_coordinates(some) == expected  # type: ignore[arg-type]


def test_clean_dataset(write: Write) -> None:
    shard = write(GOOD)
    verified = verify(shard)
    assert (verified.findings, verified.coordinates, verified.bad, verified.lost) == ((), "fraction", (), 0)
    assert verified.require_clean() is verified.dataset and len(verified.dataset) == 20
    assert len(verified.without_bad()) == 20


def test_missing_index_is_built(write: Write) -> None:
    shard = write(GOOD)
    index = shard.with_suffix(".idx").read_bytes()
    shard.with_suffix(".idx").unlink()
    assert verify(shard).findings == ()
    assert shard.with_suffix(".idx").read_bytes() == index


def test_every_bad_record_is_named_at_once(write: Write) -> None:
    shard = write(
        [*GOOD[:3], record(image=b"text"), GOOD[0], record([BOX, (0.5, 0.2, 0.1, 0.6)]), record([PIXELS]), *GOOD]
    )
    verified = verify(shard)
    assert verified.bad == (3, 5, 6)
    with pytest.raises(DatasetError) as caught:
        verified.require_clean()
    message = str(caught.value)
    for expected in ("record 3,", "record 5,", "object 1", "record 6,", "3 things are wrong", "dali-ssd check"):
        assert expected in message
    assert len(verified.without_bad(0.2)) == 24
    with pytest.raises(DatasetError, match=r"3 of 27 records are bad, more than max_bad = 0\.01"):
        verified.without_bad()


def test_a_file_lists_what_is_too_much_for_a_message(write: Write) -> None:
    with pytest.raises(DatasetError) as caught:
        verify(write([record(image=b"") for _ in range(80)])).require_clean()
    path = re.search(r"and 30 more; (.*) lists all", str(caught.value))
    assert path is not None and len(Path(path[1]).read_text().splitlines()) == 80


def test_list_of_errors(write: Write, tmp_path: Path) -> None:
    verify(write([*GOOD, record(image=b"")])).write_list(tmp_path / "bad.txt")
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
        verified = verify(shard)
        assert len(verified.dataset) == 19 and verified.bad == () and verified.lost >= 1
        with pytest.raises(DatasetError):
            verified.require_clean()
        kept = verified.without_bad(0.2)
        assert [kept.place(i).offset for i in range(19)] == [at for i, at in enumerate(starts(records)[:-1]) if i != 4]
    with pytest.raises(RecordError):
        open_dataset(shard)


def test_number_of_classes(write: Write) -> None:
    shard = write([record([BOX, BOX, BOX], [9, 0, i]) if i == 9 else record([BOX, BOX], [0, i]) for i in range(10)])
    assert verify(shard, num_classes=10).bad == ()
    verified = verify(shard, num_classes=8)
    assert verified.bad == (8, 9) and {found.kind for found in verified.errors} == {"unknown-class"}
    assert [(found.place.key, found.place.object) for found in verified.errors] == [(8, 1), (9, 0), (9, 2)]
    assert "class 8, box (" in str(verified.errors[0]) and "there are 8 classes" in str(verified.errors[0])


@pytest.mark.parametrize("coordinates", ["auto", "pixel"])
def test_pixel_labels(write: Write, coordinates: str) -> None:
    verified = verify(write([record([PIXELS])] * 10), coordinates=coordinates)  # type: ignore[arg-type]
    assert (verified.coordinates, verified.findings) == ("pixel", ())


def test_ambiguous_labels(write: Write) -> None:
    shard = write([record([PIXELS])] * 10 + GOOD)
    with pytest.raises(DatasetError, match="cannot tell whether"):
        verify(shard)
    verified = verify(shard, coordinates="fraction")
    assert len(verified.bad) == 10 and verified.errors[0].place.object == 0
    assert len(verify(shard, coordinates="pixel").bad) == 20


def test_second_look_comes_from_the_cache(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = write([*GOOD, record(image=b""), record([PIXELS], [7])])
    first = verify(shard, cache_dir=tmp_path / "cache", num_classes=3)

    def never(*_: object) -> None:
        raise AssertionError("looked again")

    with monkeypatch.context() as patch:
        patch.setattr(shard_report, "inspect_shard", never)
        again = verify(shard, cache_dir=tmp_path / "cache", num_classes=3)
        assert again.findings == first.findings and again.bad == first.bad == (20, 21)
        os.utime(shard, ns=(1, 1))
        with pytest.raises(AssertionError, match="looked again"):
            verify(shard, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"size": 1, "records": [[1]], "findings": []}', "\x00"])
def test_damaged_cache_is_made_again(write: Write, tmp_path: Path, content: str) -> None:
    shard = write(GOOD)
    first = cached_report(shard, tmp_path)
    path = tmp_path / "verified" / f"{report_identity(shard)}.json"
    path.write_text(content)
    assert cached_report(shard, tmp_path) == first
    assert json.loads(path.read_text())["size"] == shard.stat().st_size


def test_processes_look_at_once(write: Write, tmp_path: Path) -> None:
    shard = write([*GOOD, record(image=b"")])
    shard.with_suffix(".idx").unlink()
    in_processes("fork", _look_often, [(shard, tmp_path / "cache")] * 3)
    assert len(list((tmp_path / "cache" / "verified").iterdir())) >= 1


def _look_often(shard: Path, cache: Path) -> None:
    for i in range(10):
        assert verify(shard, cache_dir=cache / str(i % 2)).bad == (20,)
        assert verify(shard, cache_dir=cache).bad == (20,)


def test_nothing_usable(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    shard.write_bytes(b"garbage" * 10)
    with pytest.raises(DatasetError, match="no records in"):
        verify(shard)
    with pytest.raises(DatasetError, match="there is no file"):
        verify(tmp_path / "none.rec")
    bad = write([record(image=encoded()[:50])], "b")
    with pytest.raises(DatasetError, match="no records are left"):
        verify(bad).without_bad(1)


def test_what_is_known_of_a_shard_holds_under_its_other_names(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shard = write([*GOOD, record([BOX, (0.5, 0.2, 0.1, 0.6)])])
    assert verify(shard).bad == (20,)
    monkeypatch.chdir(shard.parent)
    (tmp_path / "link.rec").symlink_to(shard)
    (tmp_path / "link.idx").symlink_to(shard.with_suffix(".idx"))
    for name in (Path(shard.name), tmp_path / "link.rec"):
        verified = verify(name)
        assert verified.bad == (20,) and verified.lost == 0
        assert len(verified.without_bad(0.1)) == 20


def test_damage_where_the_index_has_an_entry_counts_once(write: Write) -> None:
    shard = write(GOOD)
    data = bytearray(shard.read_bytes())
    data[starts(GOOD)[7]] ^= 1
    shard.write_bytes(data)
    verified = verify(shard)
    (found,) = verified.errors
    assert (found.kind, found.place.key, found.place.offset) == ("bad-magic", 7, starts(GOOD)[7])
    assert verified.lost == 1


def test_a_fault_of_the_index_is_no_fault_of_the_record(write: Write) -> None:
    shard = write(GOOD)
    with shard.with_suffix(".idx").open("a") as index:
        index.write(f"40\t{starts(GOOD)[7]}\n")
    verified = verify(shard)
    assert [found.kind for found in verified.errors] == ["index-duplicate-offset"]
    assert len(verified.without_bad()) == 20


def test_labels_have_a_digest(write: Write) -> None:
    boxes = [(0.1, 0.2, 0.5, 0.6), (0.1, 0.2, 0.5, 0.61)]
    digests = [verify(write([record([box])], f"s{i}")).labels for i, box in enumerate([*boxes, boxes[0]])]
    assert digests[0] != digests[1] and digests[0] == digests[2]


def test_share_of_progressive_images(write: Write, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG", progressive=True)
    shard = write([record(image=stream.getvalue()), *GOOD[:3]])
    shares = [
        verify(shard, cache_dir=tmp_path / "cache").progressive for _ in range(2)
    ]  # looked at, and from the cache
    assert shares == [0.25, 0.25]
