"""Whose nvJPEG decodes, and that an older one, which gets no regions from DALI, still decodes on the GPU."""

from __future__ import annotations

import subprocess
import sys
from ast import literal_eval
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dali_ssd.graph.nvjpeg import cuts_regions
from dali_ssd.graph.where import Where
from dali_ssd.plugin.sources import dali_here
from tests.gpu.test_gpu_decode import PART, WHOLE, decoded
from tests.support.paths import ROOT
from tests.support.shards import draw, encoded

SCRIPT = """
import sys
import {first}
import {second}
from dali_ssd.graph.nvjpeg import nvjpeg_version
from dali_ssd.torch import ValLoader
with ValLoader(sys.argv[1], batch_size=8, data_shape=64, device="cuda", plugin="require") as loader:
    print(nvjpeg_version())
    print(loader.placement.decode)
    print(sum(float(batch.images.sum()) for batch in loader))
"""


def test_dalis_own_is_loaded_and_gets_regions() -> None:
    """In a process of its own, since another test may have loaded torchvision's."""
    if dali_here().cuda_major < 13:
        pytest.skip("of CUDA 12, no nvJPEG gets them")
    code = "import dali_ssd.graph.nvjpeg as n; print(n.cuts_regions(n.nvjpeg_version()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "True\n"


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_whole_images_have_the_pixels_of_regions(tmp_path: Path, subsampling: str, region: tuple[int, ...]) -> None:
    picture = draw(np.random.default_rng(3), 120, 160)
    payloads = [encoded(picture, "JPEG", quality=95, subsampling=subsampling)]
    (cut,), (whole,) = (
        decoded(tmp_path / str(whole), payloads, Where("gpu", whole=whole), region) for whole in (False, True)
    )
    assert cut.shape == whole.shape
    assert np.abs(cut.astype(np.int16) - whole).max() <= 1


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("order", [("torchvision", "dali_ssd.torch"), ("dali_ssd.torch", "torchvision")])
def test_images_are_decoded_on_the_gpu_in_whatever_order_torchvision_is_imported(
    jpegs: Path, order: tuple[str, str]
) -> None:
    """Without a word of DALI's that the host does it, which it has for each image."""
    if not find_spec("torchvision"):
        pytest.skip("torchvision is not installed")
    code = SCRIPT.format(first=order[0], second=order[1])
    done = subprocess.run(
        [sys.executable, "-c", code, str(jpegs)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "may produce wrong results" not in done.stdout + done.stderr
    version, placement, _ = done.stdout.splitlines()
    assert placement.startswith("nvJPEG (" if cuts_regions(literal_eval(version)) else "nvJPEG, whole images")
