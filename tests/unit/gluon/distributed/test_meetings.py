"""What processes hear of each other at meetings: sums, signals, and errors."""

from __future__ import annotations

from signal import SIGINT, SIGTERM
from typing import Any, get_args

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.errors import ConfigError, PeerError, TrainingError
from dali_ssd.gluon.distributed.meetings import Meetings, Outcome, ProcessFailed, Purpose
from tests.support.team import Member, together

PURPOSES = [purpose for purpose in get_args(Purpose) if purpose != "failure"]


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("stopped", [(), (0,), (1, 3)])
def test_all_hear_of_a_signal_and_the_sums(size: int, stopped: tuple[int, ...]) -> None:
    def meet(one: Member) -> Outcome:
        return Meetings(one).meet("log", stop=SIGTERM if one.rank in stopped else None, values=(one.rank + 0.5, 10))

    outcomes = together(size, meet)
    stop = SIGTERM if any(rank < size for rank in stopped) else None
    assert outcomes == [(stop, (sum(range(size)) + size / 2, 10 * size))] * size


@pytest.mark.parametrize("values", [(), (3.0,), (3.0, -1.5)])
def test_as_many_values_come_back_as_were_given(values: tuple[float, ...]) -> None:
    outcomes = together(3, lambda one: Meetings(one).meet("step", values=values))
    assert outcomes == [(None, tuple(3 * value for value in values))] * 3


def test_a_meeting_leaves_other_work_alone() -> None:
    def meet(one: Member) -> tuple[Outcome, float]:
        product = (mx.nd.ones((4, 4)) * one.rank).sum()
        outcome = Meetings(one).meet("step", stop=SIGINT if one.rank == 1 else None, values=[one.rank])
        return outcome, product.asscalar()

    assert together(3, meet) == [((SIGINT, (3.0,)), 16.0 * rank) for rank in range(3)]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("failing", [(0,), (2,), (0, 1)])
def test_all_hear_of_a_failure_at_any_meeting(purpose: Purpose, failing: tuple[int, ...]) -> None:
    def run(one: Member) -> str:
        meetings = Meetings(one)
        meetings.meet("setup")
        if one.rank in failing:
            meetings.fail()
            return "failed"
        meetings.meet(purpose, stop=SIGTERM, values=(1, 2))
        return "went on"

    results = together(3, run)
    for rank, result in enumerate(results):
        assert (result == "failed") == (rank in failing)
        assert isinstance(result, ProcessFailed) == (rank not in failing)


def test_all_fail_at_once() -> None:
    assert together(3, lambda one: Meetings(one).fail()) == [None] * 3


@pytest.mark.parametrize("first", PURPOSES)
@pytest.mark.parametrize("second", PURPOSES)
def test_different_purposes_are_refused(first: Purpose, second: Purpose) -> None:
    results = together(2, lambda one: Meetings(one).meet(second if one.rank else first))
    for rank, (result, purpose) in enumerate(zip(results, (first, second), strict=True)):
        if first == second:
            assert result == (None, ())
        else:
            assert isinstance(result, TrainingError)
            assert str(result).startswith(f"process {rank} is at the meeting for '{purpose}' and others are elsewhere")


def test_of_three_at_different_meetings_none_goes_on_for_long() -> None:
    """Purposes whose sum is right by chance for one of them: it hears of the others' error at its next meeting."""
    purposes: tuple[Purpose, ...] = ("setup", "step", "log")

    def run(one: Member) -> None:
        meetings = Meetings(one)
        try:
            meetings.meet(purposes[one.rank])
        except TrainingError:
            meetings.fail()
            raise
        meetings.meet("log")

    assert [type(result) for result in together(3, run)] == [TrainingError, ProcessFailed, TrainingError]


def test_what_all_can_do_is_done_jointly() -> None:
    assert together(3, lambda one: Meetings(one).jointly(lambda: one.rank * 2)) == [0, 2, 4]


def jointly(size: int, errors: dict[int, Exception]) -> list[Any]:
    """What each process raises, and whether it has left the others."""

    def run(one: Member) -> tuple[Exception | None, bool]:
        def act() -> None:
            if one.rank in errors:
                raise errors[one.rank]

        try:
            Meetings(one).jointly(act)
        except Exception as error:
            return error, one.left
        return None, one.left

    return together(size, run)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_one_fails_alone_and_all_raise(rank: int) -> None:
    error = ConfigError("no such shard: ä.rec")
    for number, (raised, left) in enumerate(jointly(3, {rank: error})):
        assert left
        if number == rank:
            assert raised is error
        else:
            assert type(raised) is PeerError
            assert str(raised) == f"process {rank} failed: no such shard: ä.rec"
            assert raised.__cause__ is None


def test_of_several_that_fail_the_others_hear_the_first() -> None:
    errors: dict[int, Exception] = {1: ConfigError("one"), 2: ConfigError("two")}
    first, second, third = (raised for raised, _ in jointly(3, errors))
    assert str(first) == "process 1 failed: one" and (second, third) == (errors[1], errors[2])


@pytest.mark.parametrize(
    ("error", "said"),
    [(ValueError(), "ValueError()"), (ConfigError("a\udcff.rec"), r"a\udcff.rec")],
    ids=["without words", "a file name that is no text"],
)
def test_any_error_has_a_message(error: Exception, said: str) -> None:
    (first, _), (second, _) = jointly(2, {0: error})
    assert first is error and str(second) == f"process 0 failed: {said}"


def test_a_process_alone_pays_nothing() -> None:
    def run(one: Member) -> tuple[Any, ...]:
        meetings = Meetings(one)
        meetings.fail()
        return meetings.meet("step", stop=SIGTERM, values=(2,)), meetings.jointly(lambda: 5), one.additions

    assert together(1, run) == [((SIGTERM, (2,)), 5, 0)]


def test_a_process_alone_raises_its_own_error() -> None:
    error = ConfigError("wrong")
    [(raised, left)] = jointly(1, {0: error})
    assert raised is error and left
