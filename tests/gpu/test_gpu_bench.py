"""The benchmark and `dali-ssd gpu-check` as commands, on all GPUs that are there; the speeds do not matter here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.cli.main import main
from dali_ssd.machine.gpu import visible_gpus
from dali_ssd.synthetic import write_shapes

SHORT = ("--batch-sizes", "8", "--rounds", "1", "--seconds", "2", "--warmup-seconds", "1")


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_shapes(tmp_path_factory.mktemp("shapes"), "drawn", 256, seed=1)[0])


def test_contenders_run_on_all_gpus_at_once(shard: str, tmp_path: Path) -> None:
    saved = tmp_path / "bench.json"
    options = ("--gpus", "all", "--contenders", "dali_ssd,stock,decode", "--json", str(saved))
    assert main(["bench", shard, *SHORT, *options]) == 0
    runs = json.loads(saved.read_text())["runs"]
    assert [run["outcome"]["error"] for run in runs] == [""] * len(runs)
    assert max(len(run["trial"]["devices"]) for run in runs) == len(visible_gpus())
    for run in runs:
        assert len(run["outcome"]["devices"]) == (len(visible_gpus()) if len(run["trial"]["devices"]) > 1 else 0)
        assert run["outcome"]["gpu_utilization"] is not None
    placements = {run["outcome"]["placement"] for run in runs if run["trial"]["contender"] == "dali_ssd"}
    assert all("nvJPEG" in text and "render: plugin" in text for text in placements)


def test_gpu_check_passes_and_writes_its_report(shard: str, tmp_path: Path) -> None:
    code = main(["gpu-check", shard, *SHORT, "--data-shapes", "300", "--images", "16", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "gpu-check.json").read_text())["failures"] == []
    assert code == 0
    assert "## SSD300" in (tmp_path / "gpu-check.md").read_text()
