"""What the decoder of progressive JPEGs computes with: bits, the inverse DCT and colors, against exact numbers."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from hypothesis import example, given
from hypothesis import strategies as st

from dali_ssd.kernels.jpeg import bits
from dali_ssd.kernels.jpeg.vectors import LANES, color_pixels, idct_block


def cosines() -> npt.NDArray[np.float64]:
    """(samples, frequencies): the inverse DCT of one dimension (ITU-T T.81, A.3.3)."""
    x, u = np.mgrid[:8, :8]
    return np.asarray(np.cos((2 * x + 1) * u * np.pi / 16) * np.where(u == 0, np.sqrt(0.125), 0.5))


@given(st.integers(0, 2**32), st.sampled_from([3, 30, 300]))
def test_inverse_dct_against_float64(seed: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.clip(rng.normal(0, spread / 4, 64), -255, 255).astype(np.int16)
    factors = rng.integers(1, 5, 64).astype(np.int16)
    samples = np.full(8 * 20, 77, np.uint8)
    write_block(samples, values, factors)
    exact = cosines() @ (values * factors).astype(np.float64).reshape(8, 8) @ cosines().T + 128
    image = samples.reshape(8, 20)
    assert np.abs(image[:, 4:12] - np.clip(exact, 0, 255)).max() < 0.51 + 0.5
    assert (image[:, :4] == 77).all() and (image[:, 12:] == 77).all()


@numba.njit
def write_block(samples, values, factors):  # type: ignore[no-untyped-def]
    idct_block(samples, 4, 20, values, 0, factors)


@given(st.integers(0, 2**32))
def test_color_against_float64(seed: int) -> None:
    luma, blue, red = np.random.default_rng(seed).integers(0, 256, (3, LANES)).astype(np.uint8)
    out = np.zeros(4 * LANES, np.uint8)
    write_colors(out, luma, blue, red)
    y, cb, cr = (plane.astype(np.float64) for plane in (luma, blue - 128.0, red - 128.0))
    exact = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=1)  # JFIF, 1992
    assert np.abs(out[: 3 * LANES].reshape(LANES, 3) - np.clip(exact, 0, 255)).max() < 0.51 + 0.01


@numba.njit
def write_colors(out, luma, blue, red):  # type: ignore[no-untyped-def]
    color_pixels(out, 0, luma, 0, blue, red, 0)


words = st.integers(-(2**63), 2**63 - 1)


@numba.njit
def deposited(word, mask):  # type: ignore[no-untyped-def]
    return bits.deposit(word, mask)


@given(words, words)
@example(-1, -1)
@example(1, 0)
@example(1 << 62, -1)
def test_deposit_with_and_without_the_instruction(word: int, mask: int) -> None:
    places = [place for place in range(64) if mask >> place & 1]
    expected = sum((word >> i & 1) << place for i, place in enumerate(places))
    expected -= 2**64 if expected >= 2**63 else 0
    assert deposited(word, mask) == expected
    assert by_bits(word, mask) == expected


by_bits = numba.njit(bits.deposit_by_bits)
