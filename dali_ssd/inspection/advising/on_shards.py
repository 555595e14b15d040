"""Advice on how many shards the records should be in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dali_ssd.config import PipelineConfig
from dali_ssd.inspection.advising.commands import reshard_command
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.numbers import size_in_words
from dali_ssd.inspection.report import Advice
from dali_ssd.util.words import counted

__all__ = ["advise_on_shards", "wanted_shards"]

_GOOD_BYTES = 1 << 30
"""Size that a shard of a large set should have: large enough to be read in one go, small enough to be copied again."""
_LARGE_BYTES, _SMALL_BYTES, _MANY = 4 << 30, 16 << 20, 64
"""Shards above the first are too large; more than so many below the second are too small."""
_UNEVEN = 2.0
"""Times as many bytes as the smallest shard that the largest may have."""
_BATCHES = 10
"""Fewest batches of a pass on a GPU."""


def advise_on_shards(grounds: Grounds) -> Iterator[Advice]:
    """Yield advice on the number and the sizes of shards, and on the records that each GPU gets."""
    report, gpus = grounds.report, grounds.config.gpus
    sizes = [shard.bytes for shard in report.shards]
    if not sizes or not report.records:
        return
    total, count, wanted = sum(sizes), len(sizes), wanted_shards(grounds)
    command = reshard_command(grounds.config, wanted)
    if max(sizes) > _LARGE_BYTES:
        yield Advice(
            "Large shards",
            f"{counted(count, 'shard')} for {size_in_words(total)}; the largest has {size_in_words(max(sizes))}.",
            "A copy that is cut off begins again with all of it, one file is on few disks of a file server, and "
            "`check` reads each shard's frames in one process.",
            f"Deal the records out to {counted(wanted, 'shard')} of about {size_in_words(total / wanted)}.",
            command,
        )
    if _are_small(sizes):
        yield Advice(
            "Small shards",
            f"{counted(count, 'shard')} of {size_in_words(total / count)} in the mean.",
            "Each is opened, indexed and kept open in every process that loads, which a file server answers slowly.",
            f"Deal the records out to {counted(wanted, 'shard')}.",
            command,
        )
    if count > 1 and max(sizes) > _UNEVEN * min(sizes):
        yield Advice(
            "Uneven shards",
            f"The largest shard has {size_in_words(max(sizes))}, the smallest {size_in_words(min(sizes))}.",
            "Training does not wait for it: records are divided, not files. Copies and checks by shard take as long "
            f"as the largest one, {max(sizes) * count / total:.1f} times as long as with even shards.",
            f"Deal the records out evenly to {counted(wanted, 'shard')}.",
            command,
        )
    part, batch = report.records // gpus, PipelineConfig.batch_size
    if gpus > 1 and part < _BATCHES * batch:
        yield Advice(
            "Few records per GPU",
            f"{report.records:,} records for {gpus} GPUs are {part:,} each, {part / batch:.1f} batches of {batch} a "
            "pass.",
            "A pass ends before its pipelines are warm, and what begins anew with each pass counts more than the "
            "images.",
            f"Train on {counted(max(1, report.records // (_BATCHES * batch)), 'GPU')}.",
        )


def wanted_shards(grounds: Grounds) -> int:
    """Return how many shards there should be: as many as there are, unless these are too large or too small."""
    sizes = [shard.bytes for shard in grounds.report.shards]
    good = max(grounds.config.gpus, -(-sum(sizes) // _GOOD_BYTES))
    return min(grounds.report.records, good if _are_small(sizes) else max(good, len(sizes)))


def _are_small(sizes: Sequence[int]) -> bool:
    return len(sizes) > _MANY and sum(sizes) / len(sizes) < _SMALL_BYTES
