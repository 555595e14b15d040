"""The process that `dali.py` starts: `python -m dali_ssd.records.decode.dali_worker BATCH`.

It reads a JSON list of [shard, byte offset] from stdin and decodes the images by DALI on the CPU. It prints one JSON
line before each batch, `["begin", first, end]`, one per image that cannot be decoded, `["bad", number, why]`, and
`["end"]` after the last. An image that makes DALI crash ends only this process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.errors import DatasetError
from dali_ssd.records.decode.dali_messages import cause
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.recordio import read_record, unpack
from dali_ssd.util.host_pool import choose_host_pool
from dali_ssd.util.optional import require
from dali_ssd.util.parallel import available_cores

__all__ = ["batches", "main"]

_PIXELS = 1 << 25
"""Pixels decoded at once: 100 MB. A larger image goes alone."""

Sized = tuple[bytes, int]
"""An encoded image and its number of pixels."""


def _say(*words: object) -> None:
    print(json.dumps(words), flush=True)


def batches(items: Iterator[Sized], most: int) -> Iterator[list[bytes]]:
    """Yield the images in batches of at most `most`, and of limited size once decoded."""
    batch: list[bytes] = []
    pixels = 0
    for data, size in items:
        if batch and (len(batch) == most or pixels + size > _PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append(data)
        pixels += size
    if batch:
        yield batch


def main(most: int) -> None:
    """Decode the images that stdin names, in batches of at most `most`."""
    items: list[tuple[str, int]] = json.load(sys.stdin)
    decoder, first = _Decoder(most), 0
    for batch in batches((_read(shard, offset) for shard, offset in items), most):
        _say("begin", first, first + len(batch))
        fault = decoder.fault(batch)
        if fault is not None and len(batch) > 1:
            faults = {number: decoder.fault([data]) for number, data in enumerate(batch)}
        else:
            faults = {0: fault}
        for number, why in faults.items():
            if why is not None:
                _say("bad", first + number, why)
        first += len(batch)
    _say("end")


def _build(batch: int) -> Any:
    dali = require("nvidia.dali")
    from nvidia.dali import fn, types

    def graph() -> Any:
        encoded = fn.external_source(name="encoded")
        return fn.decoders.image(encoded, device="cpu", output_type=types.RGB, adjust_orientation=False)

    choose_host_pool()
    pipeline = dali.Pipeline(batch, available_cores(), None, prefetch_queue_depth=1)
    with pipeline:
        pipeline.set_outputs(graph())
    pipeline.build()
    return pipeline


class _Decoder:
    """Decodes batches. An image that cannot be decoded ends a DALI pipeline, so pipelines are rebuilt."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self._pipeline: Any = None

    def fault(self, images: Sequence[bytes]) -> str | None:
        """Return why DALI cannot decode these images, or None if it can."""
        if self._pipeline is None:
            self._pipeline = _build(self.batch)
        try:
            self._pipeline.feed_input("encoded", [np.frombuffer(data, np.uint8) for data in images])
            self._pipeline.run()
        except RuntimeError as error:
            self._pipeline = None
            return cause(str(error)) or "DALI does not say why"
        return None


def _read(shard: str, offset: int) -> Sized:
    _, data = unpack(read_record(Path(shard), offset))
    raster = read_raster(data)
    return data, raster.width * raster.height if raster else 0


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except DatasetError as error:
        _say("error", str(error))
