"""Images other than JPEGs, whole and truncated, as check reports them; `decode/test_dali.py` asks DALI the same."""

from __future__ import annotations

import pytest

from dali_ssd.records.format.image_header import read_raster
from tests.support.images import CUT, REFUSED, WHOLE, bmp


@pytest.mark.parametrize("name", WHOLE)
def test_whole(name: str) -> None:
    raster = read_raster(WHOLE[name])
    assert raster is not None and (raster.fault, raster.refused) == (None, None)


@pytest.mark.parametrize("name", CUT)
def test_cut(name: str) -> None:
    raster = read_raster(CUT[name])
    assert raster is not None and raster.fault is not None and raster.refused is None


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    raster = read_raster(REFUSED[name])
    assert raster is not None and raster.refused is not None and raster.fault is None


@pytest.mark.parametrize("bits", [24, 32])
def test_a_cut_bmp_that_dali_reads_beyond_its_end(bits: int) -> None:
    raster = read_raster(bmp(bits, width=42)[: -5 if bits == 24 else -1])
    assert raster is not None and raster.fault is not None


def test_every_cut_is_seen() -> None:
    for kind in ("PNG", "BMP", "TIFF", "PPM", "JPEG2000", "WEBP"):
        for end in range(len(WHOLE[kind])):
            raster = read_raster(WHOLE[kind][:end])
            assert raster is None or raster.fault is not None, (kind, end)
