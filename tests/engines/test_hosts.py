"""Two hosts: network namespaces, each with an address of its own and a cable between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines import ENGINES, LAUNCH, LOOP, Run, need_engine, read_proc
from tests.support.two_hosts import ADDRESSES, two_hosts

pytestmark = pytest.mark.engines(root=True)

AGENT = "ip netns exec {host}"


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[str, str]]:
    """Names of two namespaces."""
    with two_hosts() as made:
        yield made.names


def launch(hosts: tuple[str, str], engine: str, agent: str, *rest: str) -> list[str]:
    options = ["-H", f"{hosts[0]}:1,{hosts[1]}:2", "--address", ADDRESSES[0], "--agent", agent, "--engine", engine]
    return [*LAUNCH, *options, "--", "train", *rest]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_find_each_other(engine: str, hosts: tuple[str, str], tmp_path: Path) -> None:
    need_engine(engine)
    with Run(tmp_path, launch(hosts, engine, AGENT)) as run:
        assert run.ended() == 0, run.output
    lines = run.output.splitlines()
    assert "rank 0 has the sum 6" in lines
    assert all(f"[rank {rank}] rank {rank} has the sum 6" in lines for rank in (1, 2))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rank_that_is_killed_on_the_other_host_ends_all(engine: str, hosts: tuple[str, str], tmp_path: Path) -> None:
    need_engine(engine)
    with Run(tmp_path, launch(hosts, engine, AGENT, "--steps", "1000000")) as run:
        run.wait_for(" of 3, ", 3)
        (victim,) = (each for each in run.processes(RANK="2") if LOOP in read_proc(each, "cmdline"))
        os.kill(victim, signal.SIGKILL)
        assert run.ended(15) == 128 + signal.SIGKILL, run.output
    assert "dali-ssd: rank 2 was ended by SIGKILL\n" in run.output


def test_commands_for_hosts_that_are_not_reached(hosts: tuple[str, str], tmp_path: Path) -> None:
    """Each printed line is run in a shell of its host."""
    need_engine("horovod")
    with Run(tmp_path, launch(hosts, "horovod", "ip netns exec no-{host}")) as run:
        run.wait_for(" && env ", 3)
        lines = [line for line in run.output.splitlines() if " && env " in line]
    assert f"dali-ssd: {hosts[1]} is not reached (ip netns exec no-{hosts[1]} true: Cannot open network" in run.output
    shells = [
        f"ip netns exec {host} sh -c '{line}' & started+=($!)"
        for host, line in zip((hosts[0], *hosts[1:] * 2), lines, strict=True)
    ]
    with Run(
        tmp_path, ["bash", "-c", "\n".join([*shells, "for one in ${started[@]}; do wait $one || exit; done"])]
    ) as run:
        assert run.ended() == 0, run.output
    assert all(f"rank {rank} has the sum 6" in run.output for rank in range(3))


def test_the_others_wait_for_ranks_that_are_started_by_hand(hosts: tuple[str, str], tmp_path: Path) -> None:
    need_engine("horovod")
    here = ["-H", f"localhost:1,{hosts[1]}:1", "--address", ADDRESSES[0], "--agent", ""]
    command = [*LAUNCH, *here, "--", "train"]
    with Run(tmp_path, ["ip", "netns", "exec", hosts[0], *command]) as run:
        run.wait_for(" && env ")
        (line,) = (line for line in run.output.splitlines() if " && env " in line)
        by_hand = subprocess.run(
            ["ip", "netns", "exec", hosts[1], "sh", "-c", line], capture_output=True, text=True, timeout=60
        )
        assert run.ended() == 0, run.output
    assert "rank 1 has the sum 3" in by_hand.stdout and "rank 0 has the sum 3" in run.output
    assert sys.executable in line
