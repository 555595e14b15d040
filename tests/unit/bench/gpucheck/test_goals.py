from __future__ import annotations

from collections.abc import Callable

import pytest

from dali_ssd.bench.gpucheck.goals import goals
from dali_ssd.bench.gpucheck.session import GpuCheck

Make = Callable[..., GpuCheck]


def states(found: GpuCheck) -> list[tuple[str, str]]:
    return [(goal.state, goal.figure) for goal in goals(found.runs, found.numbers)]


@pytest.mark.parametrize(("share", "state"), [(0.95, "met"), (0.9, "met"), (0.85, "not met")])
def test_each_device_has_the_goal_of_nvjpegs_speed_at_every_size(share: float, state: str, make_check: Make) -> None:
    figure = f"{share:.2f} at 300 px, {share:.2f} at 512 px"
    assert states(make_check(share))[:2] == [(state, figure)] * 2


def test_the_slower_size_decides(make_check: Make) -> None:
    found = make_check(0.95)
    found.runs[512] = make_check(0.5).runs[512]
    assert states(found)[0] == ("not met", "0.95 at 300 px, 0.50 at 512 px")


def test_the_fastest_batch_sizes_are_compared(make_check: Make) -> None:
    """The loader's and the decoder's, which need not be the same."""
    found = make_check(0.95)
    found.runs = {
        300: [run for run in found.runs[300] if (run.trial.contender, run.trial.batch_size) != ("dali_ssd", 128)]
    }
    assert states(found)[0] == ("not met", "0.24 at 300 px")  # batch 32 of the loader, 128 of the decoder


def test_what_failed_is_not_measured(make_check: Make) -> None:
    found = make_check()
    found.runs[512] = []
    assert states(found)[0] == ("not measured", "")
    found.runs = {}
    assert states(found) == [("not measured", "")] * 3


@pytest.mark.parametrize(("speed", "state"), [(400.0, "met"), (390.0, "not met")])
def test_a_node_of_eight_has_a_goal(speed: float, state: str, make_check: Make) -> None:
    """At batch 128, the fixture is four times as fast as it is told."""
    found = make_check(0.95, range(8), speed)
    assert states(found)[-1] == (state, f"{0.95 * 8 * 4 * speed:,.0f} images/s on 8")


def test_fewer_devices_than_eight_decide_nothing(make_check: Make) -> None:
    assert states(make_check(0.95, (0,), 10_000.0))[-1] == ("not measured", "38,000 images/s on 1")
