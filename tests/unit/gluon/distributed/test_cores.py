"""The share of a machine's cores that each process has, whatever the launcher has bound."""

from __future__ import annotations

import os
import threading

import pytest

pytest.importorskip("mxnet")

import mxnet as mx

from dali_ssd.gluon.distributed import cores as module
from dali_ssd.gluon.distributed.cores import bind_to_share, share_of_cores
from tests.support.team import Member, together

ALL = range(8)


def shares(monkeypatch: pytest.MonkeyPatch, masks: list[range], machines: str | None = None) -> list[int]:
    """The shares of processes with these affinity masks, each on the machine of its letter."""
    me = threading.local()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(masks[me.rank]))
    monkeypatch.setattr(module, "_machine", lambda: (machines or "a" * len(masks))[me.rank])

    def run(one: Member) -> int:
        me.rank = one.rank
        return share_of_cores(one)

    return together(len(masks), run)


def test_bound_processes_have_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares(monkeypatch, [range(4), range(4, 7), range(7, 8)]) == [4, 3, 1]


@pytest.mark.parametrize(("count", "each"), [(1, 8), (2, 4), (3, 2), (8, 1)])
def test_unbound_processes_divide_all(count: int, each: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares(monkeypatch, [ALL] * count) == [each] * count


def test_processes_that_share_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bound to a socket each, and a third to neither; two of four cores apiece overlap."""
    assert shares(monkeypatch, [range(4), range(4, 8), ALL]) == [2, 2, 4]
    assert shares(monkeypatch, [range(6), range(4, 8)]) == [5, 3]


def test_more_processes_than_cores_have_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares(monkeypatch, [range(2)] * 5) == [1] * 5


def test_another_machine_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cores have the same numbers."""
    assert shares(monkeypatch, [ALL, ALL, ALL], "aab") == [4, 4, 8]


def test_the_machine_has_a_name_that_stays() -> None:
    assert module._machine() and module._machine() == module._machine()


@pytest.mark.parametrize(
    ("device", "size", "bound"), [(mx.gpu(1), 2, [(1, 0, 2)]), (mx.gpu(1), 1, []), (mx.cpu(), 2, [])]
)
def test_only_several_processes_on_gpus_are_bound(
    device: object, size: int, bound: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for NVIDIA's driver; `tests/unit/loader/test_affinity.py` has what it is asked."""
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(module, "bind_near", lambda *numbers: seen.append(numbers))
    together(size, lambda one: bind_to_share(one, device) if one.rank == 0 else None)
    assert seen == bound
