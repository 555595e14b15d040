"""Addresses and ports of this host."""

from __future__ import annotations

import socket

import pytest

from dali_ssd.errors import LaunchError
from dali_ssd.launch.network import free_port, interface_of, is_loopback, require_public_name
from tests.support.ports import own_port


def test_a_port_that_is_taken_is_passed_over() -> None:
    port = own_port()
    with socket.create_server(("", port)):
        assert free_port(port - 1) > port
    assert free_port(port - 1) == port


def test_no_port_is_left() -> None:
    with pytest.raises(LaunchError, match="no port above 65535 is free"):
        free_port(65_535)


def test_the_loopback() -> None:
    assert is_loopback("127.0.1.1") and not is_loopback("10.0.0.1")


@pytest.mark.parametrize(("name", "leads"), [("localhost", r"127\.0\.0\.1"), ("none.invalid", "Name or service")])
def test_a_name_that_leads_other_hosts_nowhere(name: str, leads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    with pytest.raises(LaunchError, match=f"by its name, {name}, which leads to .*{leads}"):
        require_public_name()


def test_a_name_that_leads_other_hosts_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "203.0.113.77")  # an address leads to itself
    require_public_name()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1"])
def test_interface_of_the_loopback(address: str) -> None:
    assert interface_of(address) == "lo"


def test_an_address_of_no_interface() -> None:
    with pytest.raises(LaunchError, match=r"no network interface of this host has the address 203\.0\.113\.77"):
        interface_of("203.0.113.77")
