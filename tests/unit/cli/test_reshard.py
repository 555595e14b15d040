"""`dali-ssd reshard`: what it prints, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.cli.main import main
from tests.support.check import GOOD
from tests.support.records import Write, starts
from tests.support.reshard import cut, records_of


def test_command(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    (shard.parent / "classes.txt").write_text("cat\ndog\nowl\n")
    assert main(["reshard", str(shard), "--out", str(out), "--shards", "2", "--shuffle", "--seed", "7"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "12 records in 2 shards, shuffled with seed 7",
        "classes: cat, dog, owl",
        f"{out / 'a-00000-of-00002.rec'}",
        f"{out / 'a-00001-of-00002.rec'}",
    ]


def test_options_may_come_first(write: Write, tmp_path: Path) -> None:
    one, two = write(GOOD[:5]), write(GOOD[5:], "b")
    assert main(["reshard", "--out", str(tmp_path / "out"), "--stem", "c", str(one), str(two)]) == 0
    assert records_of(tmp_path / "out" / "c.rec") == GOOD


def test_what_is_left_out_is_named(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard, out = write(GOOD), tmp_path / "out"
    cut(shard)
    assert main(["reshard", str(shard), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("dali-ssd: error: 1 error in the shards, so nothing was written") and not said.out
    assert main(["reshard", str(shard), "--out", str(out), "--on-bad", "skip"]) == 0
    said = capsys.readouterr()
    title, place, *rest = said.out.splitlines()
    assert title.startswith("error: truncated-shard, 1: the shard ends inside a record; ")
    assert place.startswith(f"    {shard}, record 11, byte {starts(GOOD)[11]}: ")
    assert rest == ["11 records in 1 shard, in their order", f"{out / 'a.rec'}"]


def test_many_places_are_counted(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write(GOOD)
    content = bytearray(shard.read_bytes())
    for at in starts(GOOD)[1:11:2]:
        content[at : at + 4] = b"\0\0\0\0"
    shard.write_bytes(content)
    assert main(["reshard", str(shard), "--out", str(tmp_path / "out"), "--on-bad", "skip"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("error: bad-magic, 5: ")
    assert lines[4:6] == ["    ... and 2 more (`dali-ssd check` lists all)", "7 records in 1 shard, in their order"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shards", "0"], "shards must be greater than 0"),
        (["--shards", "13"], "12 records cannot fill 13 shards"),
        (["--seed", "-1"], "seed must not be negative"),
        (["--stem", "a/b"], "must be a plain file name"),
        (["--classes", "a,a"], "class names more than once"),
    ],
)
def test_exit_code_of_what_cannot_be_done(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    command = ["reshard", str(write(GOOD)), "--out", str(tmp_path / "out"), *options]
    try:
        code = main(command)
    except SystemExit as stop:  # tyro's, with a frame around the message
        code = int(str(stop.code))
    assert code == 2 and said in " ".join(capsys.readouterr().err.replace("│", "").split())
    assert not list(tmp_path.glob("out/*"))
