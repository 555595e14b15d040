"""Processes that meet, leave, and end early."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dali_ssd.errors import LaunchError
from dali_ssd.launch.meeting import meet
from dali_ssd.launch.network import free_port
from dali_ssd.launch.peers import Peers, Place
from dali_ssd.launch.registry import _hosts
from dali_ssd.launch.world import World
from tests.support.paths import ROOT
from tests.support.ports import own_port

ALONE = """
import os, sys, time
from dali_ssd.launch.meeting import meet
from dali_ssd.launch.world import World
rank, size, port = map(int, sys.argv[1:4])
peers = meet(World("a test", rank, size, rank, size, "127.0.0.1", port), 20)
print("met", flush=True)
"""
"""A process that meets the others, and then does what follows."""


@pytest.fixture
def port() -> int:
    return own_port()


def world(rank: int, size: int, port: int, local_rank: int | None = None, local_size: int | None = None) -> World:
    return World(
        "a test", rank, size, rank if local_rank is None else local_rank, local_size or size, "127.0.0.1", port
    )


def gather(worlds: list[World], wait_s: float = 8) -> list[Peers | str]:
    """The peers of each, which meet in threads of this process, or its error."""

    def one(world: World) -> Peers | str:
        try:
            return meet(world, wait_s)
        except LaunchError as error:
            return str(error)

    with ThreadPoolExecutor(len(worlds)) as pool:
        return list(pool.map(one, worlds))


def connected(port: int) -> socket.socket:
    """A connection to rank 0, once it listens."""
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)


def leave(peers: list[Peers | str]) -> None:
    for one in reversed(peers):
        assert isinstance(one, Peers)
        one.leave()


def test_all_learn_their_places(port: int) -> None:
    peers = gather([world(rank, 3, port) for rank in range(3)])
    assert [one.place for one in peers if isinstance(one, Peers)] == [
        Place("127.0.0.1", "127.0.0.1", free_port(port), "127.0.0.1-0", 0, 1)
    ] * 3
    leave(peers)


def test_hosts_that_share_an_address_are_told_apart_by_local_ranks(port: int) -> None:
    local = [(0, 2), (1, 2), (0, 1)]
    peers = gather([world(rank, 3, port, *numbers) for rank, numbers in enumerate(local)])
    places = [one.place for one in peers if isinstance(one, Peers) and one.place]
    assert [place.host for place in places] == ["127.0.0.1-0", "127.0.0.1-0", "127.0.0.1-1"]
    assert [(place.cross_rank, place.cross_size) for place in places] == [(0, 2), (0, 1), (1, 2)]
    leave(peers)


def test_ranks_of_hosts_in_any_order() -> None:
    addresses = {0: "10.0.0.1", 1: "10.0.0.2", 2: "10.0.0.1", 3: "10.0.0.2"}
    assert _hosts(addresses, {0: 0, 1: 0, 2: 1, 3: 1}) == {rank: f"{name}-0" for rank, name in addresses.items()}


def test_a_rank_that_never_comes_is_named_to_all(port: int) -> None:
    said = gather([world(rank, 4, port) for rank in (0, 2)], wait_s=0.5)
    assert said == ["of 4 ranks, 1,3 did not come in 0 s, or have ended; see what they say"] * 2


def test_a_rank_without_rank_0(port: int) -> None:
    (said,) = gather([world(1, 2, port)], wait_s=-4.5)
    assert f"rank 1 finds no rank 0 at 127.0.0.1:{port} after" in str(said)


def test_a_rank_that_comes_twice(port: int) -> None:
    said = gather([world(rank, 3, port) for rank in (0, 1, 1)])
    assert any("has come twice" in str(one) for one in said)
    assert not any(isinstance(one, Peers) for one in said)


def test_ranks_of_another_number(port: int) -> None:
    said = gather([world(0, 2, port), world(1, 3, port)])
    assert said == ["rank 1 was started as one of 3, rank 0 as one of 2; start all of them alike"] * 2


def test_a_port_that_is_taken(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        (said,) = gather([world(0, 2, port)])
    assert f"rank 0 cannot listen at 127.0.0.1:{port}: Address already in use" in str(said)


def test_someone_else_at_the_port(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as other, ThreadPoolExecutor() as pool:
        said = pool.submit(gather, [world(1, 2, port)])
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        assert "is not rank 0 of this run" in str(said.result(20))


def test_who_connects_by_mistake_is_turned_away(port: int) -> None:
    with ThreadPoolExecutor() as pool:
        met = pool.submit(gather, [world(rank, 2, port) for rank in (0,)])
        with connected(port) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert stranger.recv(10) == b""
        peers = gather([world(1, 2, port)])
        leave([*met.result(20), *peers])


def test_a_rank_that_ends_before_all_are_there_may_come_again(port: int) -> None:
    with ThreadPoolExecutor() as pool:
        met = pool.submit(gather, [world(0, 3, port)])
        with connected(port) as first:
            first.sendall(b'{"rank": 2, "size": 3, "local_rank": 2}\n')
            assert first.recv(10) == b"{}\n"
        peers = gather([world(rank, 3, port) for rank in (1, 2)])
        leave([*met.result(20), *peers])


def test_a_rank_that_has_ended_is_named_to_all(port: int) -> None:
    with ThreadPoolExecutor() as pool:
        met = pool.submit(gather, [world(rank, 4, port) for rank in (0, 1)], 1)
        with connected(port) as first:
            first.sendall(b'{"rank": 2, "size": 4, "local_rank": 2}\n')
            first.recv(10)
        assert met.result(20) == ["of 4 ranks, 2,3 did not come in 1 s, or have ended; see what they say"] * 2


def test_ranks_at_the_right_place_wait_as_long_as_rank_0(port: int) -> None:
    with ThreadPoolExecutor() as pool:
        patient = pool.submit(gather, [world(0, 3, port)], 10)
        hasty = pool.submit(gather, [world(1, 3, port)], -4.5)  # half a second to find rank 0
        time.sleep(1)
        last = gather([world(2, 3, port)])
        leave([*patient.result(20), *hasty.result(20), *last])


class Started:
    """Ranks as processes, each with a line to run once they have met."""

    def __init__(self, port: int, *lines: str) -> None:
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", ALONE + line, str(rank), str(len(lines)), str(port)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for rank, line in enumerate(lines)
        ]  # fmt: skip

    def wait_until_met(self) -> None:
        for process in self.processes:
            assert process.stdout and process.stdout.readline() == "met\n"

    def ended(self, limit: float = 20) -> list[tuple[int, str]]:
        """Exit code and what it has said, of each."""
        try:
            return [(process.wait(limit), process.communicate(timeout=limit)[1]) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
                process.communicate()


HANG = "time.sleep(60)"
EARLY = "dali-ssd: rank {} has ended early, so rank {} ends too\n"


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_is_killed_ends_the_others(port: int, victim: int) -> None:
    started = Started(port, HANG, HANG, HANG)
    started.wait_until_met()
    started.processes[victim].kill()
    ended = started.ended()
    assert ended.pop(victim) == (-9, "")
    assert ended == [(4, EARLY.format(victim, rank)) for rank in range(3) if rank != victim]


def test_a_rank_that_ends_as_it_should_leaves_the_others_alone(port: int) -> None:
    assert Started(port, "time.sleep(0.6)", "", "time.sleep(0.3)").ended() == [(0, "")] * 3
    assert Started(port, "", "time.sleep(0.3)", "time.sleep(0.6)").ended() == [(0, "")] * 3


def test_an_error_in_the_context_ends_the_others(port: int) -> None:
    (code, said), other = Started(port, HANG, "with peers: sys.exit('no space')").ended()
    assert (code, said) == (4, EARLY.format(1, 0))
    assert other == (1, "no space\n")


def test_ranks_that_have_agreed_to_stop_let_each_other_go(port: int) -> None:
    failing = "with peers:\n    peers.leave()\n    sys.exit('stopped')"
    assert Started(port, f"{failing.replace('sys', 'time.sleep(0.5); sys')}", failing).ended() == [(1, "stopped\n")] * 2


def test_a_failed_rank_that_hangs_at_its_end_is_ended(port: int) -> None:
    hurry = "import dali_ssd.launch.peers as p; p._END_S = 1; "
    hang = hurry + "import atexit; atexit.register(time.sleep, 60)\nwith peers: sys.exit('no space')"
    start = time.monotonic()
    ended = Started(port, HANG, hang).ended()
    assert [code for code, _ in ended] == [4, 1] and time.monotonic() - start < 40


def test_an_error_of_a_process_alone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faulthandler.dump_traceback_later", pytest.fail)
    with pytest.raises(ValueError, match="wrong"), Peers(0):
        raise ValueError("wrong")
