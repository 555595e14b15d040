from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.reporting.history import History, read_history


def test_every_entry_is_a_line_on_disk_at_once(tmp_path: Path) -> None:
    history = History(tmp_path / "m.jsonl")
    history.add("step", step=1, loss=0.5)
    assert read_history(tmp_path / "m.jsonl") == [{"kind": "step", "step": 1, "loss": 0.5}]
    history.add("epoch", map=float("nan"))
    assert read_history(tmp_path / "m.jsonl")[1] == {"kind": "epoch", "map": None}
    assert history.entries == read_history(tmp_path / "m.jsonl")


def test_start_replaces_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    history = History(tmp_path / "m.jsonl")
    for step in range(4):
        history.add("step", step=step)
    again = History(tmp_path / "m.jsonl")
    again.start(history.entries[:2])
    again.add("step", step=2)
    assert [entry["step"] for entry in read_history(tmp_path / "m.jsonl")] == [0, 1, 2]


def test_without_a_path_nothing_is_written() -> None:
    history = History()
    history.start([])
    history.add("step", step=1)
    assert len(history.entries) == 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DaliSsdError, match="cannot write"):
        History(tmp_path / "no" / "m.jsonl").add("step")


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"kind": "step"}\n{"kind": "st')
    assert read_history(path) == [{"kind": "step"}]
    path.write_text("")
    assert read_history(path) == []


@pytest.mark.parametrize("content", [b"nonsense\n", b"\xff\xfe\n"])
def test_other_damage_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"m\.jsonl"):
        read_history(path)
    with pytest.raises(DatasetError, match=r"none\.jsonl"):
        read_history(tmp_path / "none.jsonl")
