from __future__ import annotations

import multiprocessing
from pathlib import Path

from dali_ssd.bench.measuring.meeting import Meeting


def test_one_alone_waits_for_none() -> None:
    assert Meeting().reached("warm")


def test_all_must_be_at_the_same_point(tmp_path: Path) -> None:
    meeting = Meeting(str(tmp_path), 2)
    assert not meeting.reached("warm")
    assert not meeting.reached("warm")  # said twice is no second process
    other = multiprocessing.get_context("spawn").Process(target=meeting.reached, args=("warm",))
    other.start()
    other.join()
    assert meeting.reached("warm")
    assert not meeting.reached("done")
