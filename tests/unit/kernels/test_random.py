"""The kernels' random numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.kernels.random import _next, below, chance, generator, uniform
from tests.support.oracle import SplitMix64


def seeded(high: int, low: int) -> npt.NDArray[np.uint64]:
    state: npt.NDArray[np.uint64] = generator(np.array([high, low], np.uint32))
    return state


def test_known_answers() -> None:
    """The first numbers of the reference implementation for the state 0."""
    state = seeded(0, 0)
    known = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B]
    assert [int(_next(state)) for _ in known] == known


@pytest.mark.parametrize("words", [(0, 1), (1, 0), (2**31, 7), (2**32 - 1, 2**32 - 1)])
def test_both_seed_words_count(words: tuple[int, int]) -> None:
    state, peer = seeded(*words), SplitMix64((words[0] << 32) ^ words[1])
    assert [int(_next(state)) for _ in range(20)] == [peer.next() for _ in range(20)]
    assert [uniform(state, -3.0, 5.0) for _ in range(20)] == [peer.uniform(-3, 5) for _ in range(20)]


def test_uniform_is_uniform() -> None:
    state = seeded(3, 4)
    drawn = np.sort([uniform(state, 2.0, 4.0) for _ in range(20_000)])
    assert drawn[0] >= 2 and drawn[-1] < 4
    assert np.abs((drawn - 2) / 2 - np.linspace(0, 1, drawn.size)).max() < 0.015


def test_neighboring_seeds_are_unrelated() -> None:
    first = np.array([uniform(seeded(5, number), 0.0, 1.0) for number in range(4000)])
    assert abs(first.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.05


def test_below_gives_each_number_alike() -> None:
    state = seeded(1, 2)
    counts = np.bincount([below(state, 7) for _ in range(14_000)], minlength=7)
    assert counts.size == 7
    assert np.abs(counts - 2000).max() < 200


@pytest.mark.parametrize("bound", [-5, 0, 1])
def test_below_without_a_choice(bound: int) -> None:
    state = seeded(1, 2)
    before = int(state[0])
    assert below(state, bound) == 0
    assert int(state[0]) == before


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (1.0, 1.0), (0.25, 0.25)])
def test_chance(probability: float, share: float) -> None:
    state = seeded(8, 8)
    drawn = [chance(state, probability) for _ in range(4000)]
    assert abs(np.mean(drawn) - share) <= (0 if share in (0, 1) else 0.03)
