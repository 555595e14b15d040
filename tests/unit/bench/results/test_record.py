from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.record import BenchResult, read_record, write_record
from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.machine.gpu import GpuReading


def test_a_record_reads_back_as_it_was(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    record = make_record([Run(Trial("stock", 1, 8), 1, Outcome(error="no"))])
    write_record(tmp_path / "bench.json", record)
    assert read_record(tmp_path / "bench.json") == record


def test_the_outcomes_of_several_devices_read_back(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    outcome = Outcome(30.0, devices=[Outcome(10.0, gpu_jpeg=80.0), Outcome(20.0)])
    record = make_record([Run(Trial("dali_ssd", 1, 8, (0, 1)), 1, outcome)])
    write_record(tmp_path / "bench.json", record)
    assert read_record(tmp_path / "bench.json") == record


def test_what_was_known_before_reads_back(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    known = Before({"GPU 0": GpuReading(3.0, 100.0), "GPU 1": None}, ["GPU 0 is busy"])
    record = replace(make_record(), before=known)
    write_record(tmp_path / "bench.json", record)
    assert read_record(tmp_path / "bench.json") == record


def test_a_record_from_before_there_were_devices_is_read(
    tmp_path: Path, make_record: Callable[..., BenchResult]
) -> None:
    path, record = tmp_path / "bench.json", make_record()
    write_record(path, record)
    fields = json.loads(path.read_text())
    for run in fields["runs"]:
        del run["trial"]["devices"], run["outcome"]["devices"], run["outcome"]["placement"]
        del run["outcome"]["notes"]
    del fields["before"]
    path.write_text(json.dumps(fields))
    assert read_record(path) == record


def test_the_file_holds_the_summary_for_other_readers(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    write_record(tmp_path / "bench.json", make_record())
    rows = json.loads((tmp_path / "bench.json").read_text())["summary"]
    assert [row["trial"]["contender"] for row in rows] == ["dali_ssd", "gluoncv"]
    assert rows[1]["ratio"]["median"] == 10.0


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"format": "other"}', '{"format": "dali-ssd bench 1"}'])
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=r"bench\.json is no record"):
        read_record(path)


def test_a_truncated_record_is_refused(tmp_path: Path, make_record: Callable[..., BenchResult]) -> None:
    path = tmp_path / "bench.json"
    write_record(path, make_record())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match="no record"):
        read_record(path)


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no record"):
        read_record(tmp_path / "none.json")


def test_a_record_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, make_record: Callable[..., BenchResult]
) -> None:
    with pytest.raises((DaliSsdError, OSError)):
        write_record(tmp_path / "no folder" / "bench.json", make_record())
    assert list(tmp_path.iterdir()) == []
