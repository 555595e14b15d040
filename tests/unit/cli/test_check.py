"""`dali-ssd check`: what it prints and writes, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.cli.main import main
from tests.support.check import FAULTS, GOOD, snapshot
from tests.support.records import Write, encoded, record, starts


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


@pytest.mark.parametrize("name", ["a.rec", "a.idx", "classes.txt"])
def test_findings_are_not_written_over_a_shard(write: Write, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write(GOOD)
    before = snapshot(shard.parent)
    with pytest.raises(SystemExit):
        command.run([str(shard), "--json", str(shard.parent / name)])
    assert "json must be a name that ends in .json" in " ".join(capsys.readouterr().err.replace("│", "").split())
    assert snapshot(shard.parent) == before


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


def test_a_folder_is_no_place_for_findings(faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").mkdir()
    assert main(["check", str(faulty), "--json", str(tmp_path / "a.json")]) == 2
    assert "a.json is a folder" in capsys.readouterr().err
