"""What images cost in plans of the tests: round numbers."""

from __future__ import annotations

from dali_ssd.bench.cluster.needs import Costs

COSTS = Costs(
    records=100_000,
    record_bytes=150_000.0,
    image_bytes=140_000.0,
    batch_bytes=1_254_640.0,
    host_ms=0.05,
    cpu_ms=1.5,
    parameters=25e6,
)
