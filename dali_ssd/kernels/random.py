"""Random numbers inside a kernel: SplitMix64, seeded for each image by a number that DALI drew.

DALI's checkpoints hold the state of its own random operators, so a plan that is a pure function of such a seed can be
repeated to the bit after a resume, however many numbers a kernel takes. Generator: Steele, Lea, Flood, "Fast splittable
pseudorandom number generators" (OOPSLA 2014), with the finalizer of its reference implementation.
"""

from __future__ import annotations

import numpy as np

from dali_ssd.kernels.compile import kernel_function

__all__ = ["below", "chance", "generator", "uniform"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S32 = (np.uint64(bits) for bits in (30, 27, 31, 11, 32))
_TO_UNIT = 2.0**-53


@kernel_function
def generator(seed):  # type: ignore[no-untyped-def]
    """Return a generator's state, `(1,) uint64`, from two 32-bit seed words."""
    state = np.empty(1, np.uint64)
    state[0] = (np.uint64(seed[0]) << _S32) ^ np.uint64(seed[1])
    return state


@kernel_function
def uniform(state, low, high):  # type: ignore[no-untyped-def]
    """Return a float64 in [low, high)."""
    return low + (high - low) * (np.float64(_next(state) >> _S11) * _TO_UNIT)


@kernel_function
def below(state, bound):  # type: ignore[no-untyped-def]
    """Return an int64 in 0..bound-1; 0 if there is nothing to choose (bound < 2)."""
    if bound < 2:
        return 0
    return np.int64(uniform(state, 0.0, np.float64(bound)))


@kernel_function
def chance(state, probability):  # type: ignore[no-untyped-def]
    """Return True with this probability; always takes one number, so that plans differ only in what was drawn."""
    return uniform(state, 0.0, 1.0) < probability


@kernel_function
def _next(state):  # type: ignore[no-untyped-def]
    state[0] += _GAMMA
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX_A
    z = (z ^ (z >> _S27)) * _MIX_B
    return z ^ (z >> _S31)
