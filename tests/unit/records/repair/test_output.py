"""The output of both repairs: no file is overwritten, and none is left partial."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli import check as command
from dali_ssd.cli.main import main
from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.records import inspect as module
from dali_ssd.records.check import check
from dali_ssd.records.lint.framing import shard_structure
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.util.files import locked
from tests.support.check import GOOD
from tests.support.records import Write, record


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


@pytest.mark.parametrize("repair", ["fix", "quarantine"])
def test_class_names_go_along(faulty: Path, tmp_path: Path, repair: str) -> None:
    (faulty.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    assert command.run([str(faulty), f"--{repair}", str(tmp_path / "out")]) == 1
    assert (tmp_path / "out" / "classes.txt").read_text() == "cat\ndog\nowl\n"


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
