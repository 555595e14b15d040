"""`check --quarantine`: a copy without the records that have an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.repair.quarantine import quarantine
from tests.support.check import GOOD, INDEX_FAULTS, kinds, look, snapshot
from tests.support.records import Write, record, starts


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
