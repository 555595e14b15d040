"""Addresses and ports of this host. IPv4 alone, as in MXNet's key-value store."""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from ipaddress import IPv4Address, IPv4Interface

from dali_ssd.errors import LaunchError

__all__ = ["free_port", "interface_of", "is_loopback", "require_public_name"]

_SIOCGIFADDR = 0x8915
_SIOCGIFNETMASK = 0x891B
"""Requests of Linux's netdevice(7) for an interface's address and its netmask."""


def free_port(after: int) -> int:
    """Return the first port above `after` at which nothing listens on this host.

    Those near the port of the meeting are not among the ports that Linux gives to outgoing connections at any moment.
    """
    for port in range(after + 1, 2**16):
        try:
            socket.create_server(("", port)).close()
        except OSError:
            continue
        return port
    raise LaunchError(f"no port above {after} is free on this host; choose a lower MASTER_PORT")


def is_loopback(address: str) -> bool:
    """Return whether only processes of the same host reach this address."""
    return IPv4Address(address).is_loopback


def require_public_name() -> None:
    """Raise LaunchError if this host's name leads to the loopback, as Debian's installer sets it up.

    Horovod 0.28.1 forgets the interface that it was given, and tells other hosts what the name leads to.
    """
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError as error:
        address = str(error)
    if not re.fullmatch(r"[\d.]+", address) or is_loopback(address):
        raise LaunchError(
            f"Horovod tells other hosts the address of this one by its name, {name}, which leads to {address}; in "
            "/etc/hosts, give the name the address by which the others reach it"
        )


def interface_of(address: str) -> str:
    """Return the name of the interface that has this address of the host, such as `eth0`, or whose network has it.

    Raises LaunchError if there is none.
    """
    wanted, near = IPv4Address(address), ""
    for _, name in socket.if_nameindex():
        own = _address_of(name)
        if own is not None and own.ip == wanted:
            return name
        if own is not None and wanted in own.network:  # a second address of the interface
            near = near or name
    if not near:
        raise LaunchError(f"no network interface of this host has the address {address}; see `ip address`")
    return near


def _address_of(interface: str) -> IPv4Interface | None:
    """Return an interface's first address and its network; None if it has none."""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            address, mask = (
                socket.inet_ntoa(fcntl.ioctl(any_socket.fileno(), asked, request)[20:24])
                for asked in (_SIOCGIFADDR, _SIOCGIFNETMASK)
            )
        except OSError:
            return None
    return IPv4Interface(f"{address}/{mask}")
