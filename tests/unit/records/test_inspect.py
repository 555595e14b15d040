from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from dali_ssd.errors import DatasetError, MissingDependencyError, RecordError
from dali_ssd.records import inspect as module
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.inspect import inspect_shards, whole_records
from tests.support.records import BOX, Write, record, starts

PIXELS = (4, 6, 20, 18)
GOOD = [record() for _ in range(20)]


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


def test_without_dali_nobody_decodes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingDependencyError("nvidia-dali is not installed")

    monkeypatch.setattr(module, "decode_findings", missing)
    shard = write(GOOD)
    assert inspect_shards(shard, decoders=("opencv", "dali")).findings == ()
    with pytest.raises(MissingDependencyError):
        inspect_shards(shard, decoders=("dali",))


@pytest.mark.parametrize(("count", "words"), [(0, "0 classes"), (1, "there is 1 class"), (2, "2 classes (ids 0 to 1)")])
def test_words_agree_with_the_number_of_classes(write: Write, count: int, words: str) -> None:
    assert inspect_shards(write([record([BOX], [5])]), num_classes=count).errors[0].message.endswith(words)


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


def test_share_of_progressive_images(write: Write, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG", progressive=True)
    shard = write([record(image=stream.getvalue()), *GOOD[:3]])
    shares = [
        inspect_shards(shard, cache_dir=tmp_path / "cache").progressive for _ in range(2)
    ]  # looked at, and from the cache
    assert shares == [0.25, 0.25]


def test_whole_records_of_a_damaged_shard(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    shard = write([record() for _ in range(5)])
    assert len(whole_records([shard])) == 5 and not caplog.records
    os.truncate(shard, shard.stat().st_size - 8)
    shard.with_suffix(".idx").unlink()
    assert len(whole_records([shard])) == 4
    assert "from whole records alone" in caplog.text
    os.truncate(shard, 8)
    with pytest.raises(DatasetError):
        whole_records([shard])
