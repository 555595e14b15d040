"""Any bytes from every process to every process. The engines' own sums are in tests/engines."""

from __future__ import annotations

import pytest

pytest.importorskip("mxnet")

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dali_ssd.gluon.distributed import messages as module
from dali_ssd.gluon.distributed.messages import gather
from tests.support.team import together


@settings(max_examples=60)
@example([b""])
@example([b"", b""])
@example([b"\0"])
@example([b"\0\0", b"", b"\0"])
@example([b"\xff" * 3, b"", b"\xff" * 4, b"\x00\xff", b"\x01"])
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_all_have_all_messages_by_rank(sent: list[bytes]) -> None:
    assert together(len(sent), lambda one: gather(one, sent[one.rank])) == [sent] * len(sent)


def test_every_pair_of_bytes_comes_through() -> None:
    every = np.arange(1 << 16, dtype="<u2").tobytes()
    sent = [every, every[1:], every[::-1]]
    assert together(3, lambda one: gather(one, sent[one.rank])) == [sent] * 3


@pytest.mark.parametrize("more", [-1, 0, 1, 5])
def test_lengths_beyond_what_one_number_holds(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a number held 6 bits, not 20: a message of many megabytes would show no more."""
    monkeypatch.setattr(module, "_HALF", 6)
    sent = [bytes(range(64)) * 3 + b"x" * (64 + more), b"", b"y"]
    assert together(3, lambda one: gather(one, sent[one.rank])) == [sent] * 3


def test_a_message_longer_than_a_million_bytes() -> None:
    sent = [b"a", np.random.default_rng(0).bytes((1 << 20) + 1)]
    assert together(2, lambda one: gather(one, sent[one.rank])) == [sent] * 2


def test_a_process_alone_adds_up_nothing() -> None:
    assert together(1, lambda one: (gather(one, b"abc"), one.additions)) == [([b"abc"], 0)]
