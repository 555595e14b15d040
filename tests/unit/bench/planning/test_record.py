from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from dali_ssd.bench.planning.record import Plan, write_plan
from dali_ssd.bench.results.record import read_record
from dali_ssd.errors import DatasetError


def test_the_file_has_all_numbers(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    plan, path = make_plan("gpus=8,nodes=4,batch=50,rate=1000"), tmp_path / "plan.json"
    write_plan(path, plan)
    fields = json.loads(path.read_text())
    assert fields["format"] == "dali-ssd plan 1"
    assert fields["costs"] == asdict(plan.costs)
    assert fields["measured"]["cpu_ms"] == {"median": 1.5, "low": 1.4, "high": 1.6}
    assert fields["cluster"]["link_gbit_s"] == 100.0
    assert fields["given"] == ["gpus", "nodes", "batch", "rate"]
    assert fields["here"] == ["cores", "memory_gb"]
    assert [need["needed"] for need in fields["needs"]] == [need.needed for need in plan.needs]
    assert [need["used"] for need in fields["needs"]] == [need.used for need in plan.needs]
    assert fields["verdict"]["bottleneck"] == "network"


def test_it_is_no_record_of_a_comparison(make_plan: Callable[..., Plan], tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.json", make_plan("rate=1000"))
    with pytest.raises(DatasetError, match="is no record of `dali-ssd bench --json`"):
        read_record(tmp_path / "plan.json")
