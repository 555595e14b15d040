"""Which rank runs on which host."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.errors import ConfigError
from dali_ssd.launch.start.hosts import Seat, seats
from dali_ssd.launch.start.options import LaunchConfig

NAME = st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True).filter(lambda name: name != "localhost")


def test_ranks_of_this_host() -> None:
    found = seats(LaunchConfig(processes=2))
    assert found == [Seat(0, "localhost", 0, 2), Seat(1, "localhost", 1, 2)] and all(seat.here for seat in found)


def test_ranks_of_two_hosts() -> None:
    found = seats(LaunchConfig(hosts=f"{socket.gethostname()}, b:2", processes=3))
    assert [(seat.rank, seat.local_rank, seat.local_size, seat.here) for seat in found] == [
        (0, 0, 1, True),
        (1, 0, 2, False),
        (2, 1, 2, False),
    ]


@given(st.dictionaries(NAME, st.integers(1, 5), min_size=1, max_size=4))
def test_all_ranks_have_one_seat(hosts: dict[str, int]) -> None:
    found = seats(LaunchConfig(hosts=",".join(f"{name}:{count}" for name, count in hosts.items())))
    assert [seat.rank for seat in found] == list(range(sum(hosts.values())))
    assert [(seat.host, seat.local_rank) for seat in found] == [
        (n, i) for n, count in hosts.items() for i in range(count)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say how many processes to start"),
        ({"hosts": "a:0"}, "'a:0' is no host with its number"),
        ({"hosts": "a:2,,b:1"}, "'' is no host with its number"),
        ({"hosts": "a:2;b:1"}, "'a:2;b:1' is no host"),
        ({"hosts": "-oProxyCommand=x:1"}, "is no host with its number"),
        ({"hosts": "a:1,a:2"}, "a is there twice; give 2 processes as a:2"),
        ({"hosts": "a:1,b:1", "processes": 3}, "-n 3 and -H a:1,b:1, which has 2"),
        ({"hosts": "localhost:1,b:1"}, "give the first host the name by which the others know it"),
    ],
)
def test_what_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        seats(LaunchConfig(**options))  # type: ignore[arg-type]


def test_the_name_of_this_host_may_be_given_by_its_address() -> None:
    assert len(seats(LaunchConfig(hosts="localhost:1,b:1", address="10.0.0.1"))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"processes": -1}, "processes must not be negative"),
        ({"restart": -1}, "restart must not be negative"),
        ({"port": 70_000}, "port must be at most 65535"),
        ({"agent": "ssh"}, "agent must have {host} where the host's name belongs, not 'ssh'"),
        ({"agent": "ssh '{host}"}, "agent must be words of a shell"),
        ({"engine": "mpi"}, "engine must be auto, horovod or kvstore"),
    ],
)
def test_options_that_cannot_work(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        LaunchConfig(**options)  # type: ignore[arg-type]
