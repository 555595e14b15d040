"""The decoder's two steps: which images it can decode, and their pixels."""

from __future__ import annotations

from dali_ssd.kernels.compile import kernel_function
from dali_ssd.kernels.jpeg.head import read_head
from dali_ssd.kernels.jpeg.pixels import write_pixels
from dali_ssd.kernels.jpeg.scans import read_scans

__all__ = ["decode_region", "output_shape"]


@kernel_function
def output_shape(shape, data, region):  # type: ignore[no-untyped-def]
    """Write the region's height and width, then 0; or 0 0 0 for a file that is declined."""
    shape[:] = 0
    _, taken = read_head(data, region)
    if taken:
        shape[:2] = region[2:]


@kernel_function
def decode_region(out, done, data, region):  # type: ignore[no-untyped-def]
    """Write the region `y x height width` of the image into `out` (h, w, 3), and 1 into `done` if all of it is good."""
    done[0] = 0
    head, taken = read_head(data, region)
    if not taken or out.shape[0] != region[2] or out.shape[1] != region[3]:
        return
    values, sound = read_scans(data, head)
    if sound:
        write_pixels(out, head, values, region)
        done[0] = 1
