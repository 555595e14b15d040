"""Resharding: every record arrives with its bytes, in the order that is promised, or nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.index import index_path, read_index
from dali_ssd.records.format.recordio import MAX_LENGTH, Header, pack
from dali_ssd.records.lint.framing import left_out_path
from dali_ssd.records.writer import ShardWriter
from tests.support.check import GOOD, look, snapshot
from tests.support.records import Write, record, starts
from tests.support.reshard import cut, deal, records_of


def dealt(records: Sequence[bytes], count: int) -> list[list[bytes]]:
    """What each of so many shards should have."""
    return [list(records[first::count]) for first in range(count)]


@pytest.mark.parametrize("count", [1, 3, 12])
def test_records_are_dealt_out_in_turn(write: Write, tmp_path: Path, count: int) -> None:
    result = deal(write(GOOD), out=tmp_path / "out", shards=count)
    assert [records_of(shard) for shard in result.shards] == dealt(GOOD, count)
    assert [read_index(index_path(shard)).keys.tolist() for shard in result.shards] == dealt(range(12), count)  # type: ignore[arg-type]
    assert (result.records, result.left_out, result.classes) == (12, (), ())
    assert {shard.name for shard in result.shards} == (
        {"a.rec"} if count == 1 else {f"a-{number:05d}-of-{count:05d}.rec" for number in range(count)}
    )


def test_shards_follow_each_other_as_they_are_given(write: Write, tmp_path: Path) -> None:
    first, second = write(GOOD[:5], "b"), write(GOOD[5:])
    assert records_of(*deal(first, second, out=tmp_path / "out").shards) == GOOD
    pattern = first.parent / "*.rec"
    assert records_of(*deal(pattern, out=tmp_path / "sorted").shards) == [*GOOD[5:], *GOOD[:5]]


def test_new_shards_are_as_converted_ones(write: Write, tmp_path: Path) -> None:
    """Bytes of shards and indexes are those that the writer would have written at once."""
    with ShardWriter(tmp_path / "at once", "a", 3) as writer:
        for one in GOOD:
            writer.write(one)
    deal(write(GOOD), out=tmp_path / "out", shards=3)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "at once")


def test_shuffle_is_a_matter_of_the_seed(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)

    def order(name: str, **options: Any) -> list[bytes]:
        return records_of(*deal(shard, out=tmp_path / name, **options).shards)

    plain, one, again, two = (
        order("plain"),
        order("one", shuffle=True),
        order("again", shuffle=True),
        order("two", shuffle=True, seed=1),
    )
    assert one == again and len({tuple(plain), tuple(one), tuple(two)}) == 3
    assert Counter(plain) == Counter(one) == Counter(two)
    assert one == [GOOD[number] for number in np.random.default_rng(233).permutation(12)]


payloads = st.binary(max_size=40) | st.just(b"\x0a\x23\xd7\xce" * 3)  # the magic number, at which records are split
whole = st.builds(
    lambda label, number, payload: pack(Header(np.array(label, np.float32), number), payload),
    st.lists(st.floats(width=32, allow_nan=False), max_size=8),
    st.integers(0, 2**64 - 1),
    payloads,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    files=st.lists(st.lists(whole, max_size=6), min_size=1, max_size=4),
    count=st.integers(1, 4),
    shuffle=st.booleans(),
    keep_index=st.booleans(),
    data=st.data(),
)
def test_any_records_survive(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[bytes]],
    count: int,
    shuffle: bool,
    keep_index: bool,
    data: st.DataObject,
) -> None:
    """Whatever labels, images and keys, in however many files, with an index or without."""
    folder = tmp_path_factory.mktemp("any")
    keys = data.draw(st.permutations(range(sum(map(len, files)))))
    shards: list[Path] = []
    for number, some in enumerate(files):
        with ShardWriter(folder, f"s{number}") as writer:
            for one in some:
                writer.write(one, keys.pop())
        shards += writer.paths
        if not keep_index:
            index_path(shards[-1]).unlink()
    given_records = [one for some in files for one in some]
    if len(given_records) < count:
        with pytest.raises((ConfigError, DatasetError)):
            deal(*shards, out=folder / "out", shards=count, shuffle=shuffle)
        assert not list((folder / "out").iterdir())
        return
    result = deal(*shards, out=folder / "out", shards=count, shuffle=shuffle)
    found = [records_of(shard) for shard in result.shards]
    assert Counter(one for some in found for one in some) == Counter(given_records)
    assert shuffle or found == dealt(given_records, count)
    assert [len(some) for some in found] == [len(some) for some in dealt(given_records, count)]


def test_no_index_is_needed_and_none_is_written(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    index_path(shard).unlink()
    before = snapshot(shard.parent)
    assert records_of(*deal(shard, out=tmp_path / "out").shards) == GOOD
    assert snapshot(shard.parent) == before


def test_result_is_clean(write: Write, tmp_path: Path) -> None:
    result = deal(write(GOOD), out=tmp_path / "out", shards=3, shuffle=True)
    assert look(tmp_path / "out" / "*.rec").exit_code == 0
    assert len(open_dataset(result.shards)) == 12


@pytest.mark.parametrize("on_bad", ["raise", "skip"])
@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_write(write: Write, tmp_path: Path, on_bad: str, count: int) -> None:
    """No shard, an empty one, or one that is no more than the beginning of a record."""
    shard = write(GOOD[:count])
    shard.write_bytes(shard.read_bytes()[:20])
    with pytest.raises(DatasetError, match=r"no records in|nothing was written"):
        deal(shard, out=tmp_path / "out", on_bad=on_bad)
    assert not list((tmp_path / "out").iterdir())


def test_missing_shard(tmp_path: Path) -> None:
    for path in ("none.rec", "none-*.rec"):
        with pytest.raises(DatasetError, match=r"there is no file|no file matches"):
            deal(tmp_path / path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def wiped(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    at = starts(GOOD)[11]
    content[at : at + 4] = b"\0\0\0\0"
    shard.write_bytes(content)


def too_long(shard: Path) -> None:
    """The last record but one reaches over the last."""
    content = bytearray(shard.read_bytes())
    at, end = starts(GOOD)[10], len(content)
    content[at + 4 : at + 8] = ((end - at - 8) & MAX_LENGTH).to_bytes(4, "little")
    shard.write_bytes(content)


def short_label(shard: Path) -> None:
    """The header of the last record announces a label for which there is no room."""
    content = bytearray(shard.read_bytes())
    at = starts(GOOD)[11]
    content[at + 8 : at + 12] = (1 << 24).to_bytes(4, "little")
    shard.write_bytes(content)


DAMAGE: dict[Callable[[Path], None], tuple[str, int]] = {
    cut: ("truncated-shard", 11),
    wiped: ("bad-magic", 11),
    too_long: ("swallowed", 10),
    short_label: ("bad-header", 11),
}
"""What happens to a shard of twelve, what it is called, and which record cannot be read."""


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_and_nothing_written(write: Write, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    shard = write(GOOD)
    damage(shard)
    kind, key = DAMAGE[damage]
    with pytest.raises(DatasetError) as caught:
        deal(shard, out=tmp_path / "out", shards=2)
    said = str(caught.value)
    assert said.startswith("1 error in the shards, so nothing was written (--on-bad skip goes on):")
    assert f"error: {kind}, 1: " in said and "`dali-ssd check --fix OUT`" in said
    assert f"{shard}, record {key}, byte {starts(GOOD)[key]}: " in said
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_rest_of_damaged_shards(write: Write, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    shard = write(GOOD)
    damage(shard)
    kind, key = DAMAGE[damage]
    result = deal(shard, out=tmp_path / "out", shards=2, on_bad="skip")
    assert [records_of(path) for path in result.shards] == dealt(GOOD[:key] + GOOD[key + 1 : 11 + (key < 11)], 2)
    [found] = [found for found in result.left_out if found.severity == "error"]
    assert (found.kind, found.place.shard, found.place.key, found.place.offset) == (kind, shard, key, starts(GOOD)[key])
    assert look(tmp_path / "out" / "*.rec").exit_code == 0


def test_records_that_an_index_leaves_out_stay_out(write: Write, tmp_path: Path) -> None:
    """As in training; those that are not left out on purpose are a warning."""
    shard, at = write(GOOD), starts(GOOD)
    lines = index_path(shard).read_text().splitlines(keepends=True)
    index_path(shard).write_text("".join(lines[:3] + lines[5:]))
    left_out_path(shard).write_text(f"{at[3]}\tnot wanted\n")
    result = deal(shard, out=tmp_path / "out")
    assert records_of(*result.shards) == GOOD[:3] + GOOD[5:]
    assert [(found.kind, found.place.offset) for found in result.left_out] == [
        ("left-out", at[3]),
        ("unindexed", at[4]),
    ]


def test_wrong_index_is_an_error(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD)
    index_path(shard).write_text("0\t4\n1\t8\n")
    with pytest.raises(DatasetError, match="index-foreign, 1: the index belongs to another file; rebuild the index"):
        deal(shard, out=tmp_path / "out")
    assert records_of(*deal(shard, out=tmp_path / "out", on_bad="skip").shards) == GOOD


def test_record_at_an_odd_place_is_moved(write: Write, tmp_path: Path) -> None:
    shard = write(GOOD[:2])
    shard.write_bytes(b"xy" + shard.read_bytes())
    index_path(shard).unlink()
    result = deal(shard, out=tmp_path / "out", on_bad="skip")
    assert records_of(*result.shards) == GOOD[:2]
    assert [found.kind for found in result.left_out] == ["bad-magic"]


def test_faulty_labels_and_images_are_copied_as_they_are(write: Write, tmp_path: Path) -> None:
    records = [record(image=b"text"), record(label=[2, 5, 1]), record([(0.5, 0.2, 0.1, 0.6)])]
    assert records_of(*deal(write(records), out=tmp_path / "out").shards) == records


def test_more_shards_than_records(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="12 records cannot fill 13 shards; give --shards 12 or fewer"):
        deal(write(GOOD), out=tmp_path / "out", shards=13)
    assert not list((tmp_path / "out").iterdir())
