"""Every pixel decoded by the decoder that training uses.

DALI gives up a whole pipeline for one bad image, so a batch that fails is halved until the image is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.config import available_cores
from dali_ssd.files import atomic_open, cache_folder
from dali_ssd.optional import require
from dali_ssd.progress import track
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.findings import Finding, finding, from_json, to_json
from dali_ssd.records.image import read_raster
from dali_ssd.records.shard_report import report_identity

__all__ = ["decode_findings", "undecodable"]

_BATCH = 64
_PIXELS = 1 << 25
"""Pixels decoded at once: 100 MB. A larger image goes alone."""


class _Decoder:
    """Decodes batches of encoded images; tells which cannot be."""

    def __init__(self) -> None:
        self._pipeline: Any = None

    def failures(self, batch: Sequence[tuple[int, bytes]]) -> dict[int, str]:
        """What DALI says about each (number, image) of a batch that it cannot decode."""
        try:
            self._decode([data for _, data in batch])
        except RuntimeError as error:
            self._pipeline = None  # it cannot be used any more
            if len(batch) == 1:
                return {batch[0][0]: _reason(str(error))}
            half = len(batch) // 2
            return self.failures(batch[:half]) | self.failures(batch[half:])
        return {}

    def _decode(self, images: Sequence[bytes]) -> None:
        if self._pipeline is None:
            self._pipeline = _build()
        self._pipeline.feed_input("encoded", [np.frombuffer(data, np.uint8) for data in images])
        self._pipeline.run()


def _build() -> Any:
    dali = require("nvidia.dali")
    from nvidia.dali import fn, types

    @dali.pipeline_def(batch_size=_BATCH, num_threads=available_cores(), device_id=None, prefetch_queue_depth=1)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def decode() -> Any:
        encoded = fn.external_source(name="encoded")
        return fn.decoders.image(encoded, device="cpu", output_type=types.RGB, adjust_orientation=False)

    pipeline = decode()
    pipeline.build()
    return pipeline


def _reason(message: str) -> str:
    """The line of DALI's message that says why."""
    lines = [line.strip() for line in message.splitlines()]
    after = lines[lines.index("encountered:") + 1 :] if "encountered:" in lines else lines
    return next((line.rstrip(": ") for line in after if line), "DALI does not say why")


def _batches(dataset: Dataset, numbers: Sequence[int]) -> Iterator[list[tuple[int, bytes]]]:
    """Images in batches of limited size. Ones without a readable head are left to DALI, too."""
    batch: list[tuple[int, bytes]] = []
    pixels = 0
    for number in numbers:
        _, data = dataset.read(number)
        raster = read_raster(data)
        size = raster.width * raster.height if raster else 0
        if batch and (len(batch) == _BATCH or pixels + size > _PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append((number, data))
        pixels += size
    if batch:
        yield batch


def undecodable(dataset: Dataset, numbers: Sequence[int]) -> dict[int, str]:
    """Which of the given records DALI cannot decode, with its reason. Raises `MissingDependencyError` without DALI."""
    decoder = _Decoder()
    failed: dict[int, str] = {}
    done = track(_counted(dataset, numbers), "decoding", len(numbers))
    for batch in done:
        failed |= decoder.failures(batch) if batch else {}
    return failed


def _counted(dataset: Dataset, numbers: Sequence[int]) -> Iterator[list[tuple[int, bytes]]]:
    """Batches, each followed by as many empty ones as it has further images, so that progress counts images."""
    for batch in _batches(dataset, numbers):
        yield batch
        yield from ([] for _ in batch[1:])


def decode_findings(dataset: Dataset, numbers: Sequence[int], cache_dir: str | Path | None = None) -> list[Finding]:
    """A finding for each of the given records that DALI cannot decode; kept in the cache folder shard by shard."""
    findings: list[Finding] = []
    by_shard: dict[int, list[int]] = {}
    for number in numbers:
        by_shard.setdefault(dataset.shard_of(int(dataset.offsets[number])), []).append(number)
    for shard, some in by_shard.items():
        offsets = [int(dataset.offsets[number] - dataset.starts[shard]) for number in some]
        path = cache_folder(cache_dir) / "decoded" / f"{report_identity(dataset.shards[shard])}.json"
        known = _read(path, offsets)
        if known is None:
            failed = undecodable(dataset, some)
            known = [finding("undecodable-image", dataset.place(i), f"DALI: {why}") for i, why in failed.items()]
            _write(path, offsets, known)
        findings += known
    return findings


def _read(path: Path, offsets: list[int]) -> list[Finding] | None:
    """Findings of an earlier run on the same records; None if there was none or its file is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return [from_json(entry) for entry in data["findings"]] if data["offsets"] == offsets else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, offsets: list[int], findings: list[Finding]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, "w") as file:
        json.dump({"offsets": offsets, "findings": [to_json(found) for found in findings]}, file)
