"""Each process has its part of the records, as torch.distributed says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")


from dali_ssd.config import PipelineConfig
from dali_ssd.errors import ConfigError
from dali_ssd.torch.world import process_of
from dali_ssd.util.parallel import available_cores
from tests.support.announced import open_mpi, torchrun
from tests.support.paths import ROOT
from tests.support.torch_loaders import COUNT, val

PROGRAM = ROOT / "tests" / "support" / "torch_rank.py"
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
"""Two processes of this machine, which meet at a free port."""


def announce(monkeypatch: pytest.MonkeyPatch, **variables: Any) -> None:
    """Set what a launcher sets for its processes."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


TORCHRUN, MPIRUN = torchrun(1), open_mpi(1)


def test_one_process_alone_has_all_records() -> None:
    assert process_of(None, None) == (1, 0)


def test_what_is_given_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, **TORCHRUN)
    assert process_of(3, 2) == (3, 2)


@pytest.mark.parametrize(
    ("variables", "launcher"), [(TORCHRUN, "torchrun's environment"), (MPIRUN, "Open MPI")], ids=["torchrun", "mpirun"]
)
def test_processes_that_have_not_joined_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any], launcher: str
) -> None:
    announce(monkeypatch, **variables)
    with pytest.raises(
        ConfigError, match=f"^{launcher} announces 2 processes, and torch.distributed is not initialized"
    ):
        process_of(None, None)


def test_the_number_of_processes_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, RANK=0, WORLD_SIZE=3)
    with pytest.raises(ConfigError, match=r"announces 3 processes, and torch\.distributed is not initialized"):
        process_of(None, None)


def test_the_cores_of_a_host_are_shared(monkeypatch: pytest.MonkeyPatch, shard: Path) -> None:
    announce(monkeypatch, **TORCHRUN)
    share = max(1, available_cores() // 2)
    world = {"world_size": 2, "rank": 1}
    for options, threads in (
        ({"num_threads": "auto"}, share),
        ({"num_threads": 3}, 3),
        ({"pipeline": PipelineConfig(num_threads=3), "num_threads": "auto"}, share),
    ):
        with val(shard, **options, **world) as loader:
            assert loader.pipeline.num_threads == threads


def test_two_processes_of_torchrun_have_every_record_once_and_train_together(shard: Path, tmp_path: Path) -> None:
    command = [sys.executable, *LAUNCH, str(PROGRAM), str(shard), str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=ROOT, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    for one in (first, second):
        assert one["refusal"].startswith("torchrun's environment announces 2 processes, and torch.distributed is not")
        assert one["num_threads"] == max(1, available_cores() // 2)
        assert one["resumed"] == one["saved"] != []  # from a distributed checkpoint
    assert first["weights"] == second["weights"] and first["losses"] != second["losses"]
    assert first["saved"] != second["saved"]
    for name in ("encoded", "boxes"):
        assert len(first[name]) == len(second[name]) == COUNT // 4
        seen = [key for of_rank in (first, second) for keys in of_rank[name] for key in keys]
        assert len(set(seen)) == len(seen) == COUNT // 4 * 4
    seen = [key for of_rank in (first, second) for keys in of_rank["val"] for key in keys]
    assert seen == list(range(COUNT)) and len(first["val"]) == len(second["val"])
