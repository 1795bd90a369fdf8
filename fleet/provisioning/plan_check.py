"""Whether a broker's plan can be: ports, address and names, before anything is written."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.provisioning.mosquitto import Plan

_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST: Final = 253
"""Characters of a host name (RFC 1123)."""

_A_NAME: Final = (
    "a name as broker.example.org (its xn-- form, if it has other letters), or 10.0.0.5"
)


def require_possible(plan: Plan) -> None:
    """
    Raises:
        ConfigError: a port, address or name of it is none, or a port is there twice.
    """
    ports = {"local": plan.local_port, "TLS": plan.tls_port, "mTLS": plan.mtls_port}
    for word, port in ports.items():
        if not 0 <= port <= 65_535:
            why = "a port is a number from 1 to 65535; 0 leaves that listener out"
            raise ConfigError(f"the {word} port {port} is not usable", why, f"another {word} port")
    used = [port for port in ports.values() if port]
    if len(set(used)) < len(used):
        twice = next(port for port in used if used.count(port) > 1)
        why = ", ".join(f"{word} {port}" for word, port in ports.items())
        raise ConfigError(f"the port {twice} is there twice", why, "a port of its own for each")
    require_address(plan.bind)
    if not plan.names:
        raise ConfigError("the broker has no name", "its certificate needs one", _A_NAME)
    for name in plan.names:
        require_host(name)


def require_host(name: str) -> None:
    """
    Raises:
        ConfigError: nobody could find a broker by it.
    """
    address = _address(name)
    if address is not None:
        if address.is_unspecified or address.is_multicast:
            why = "it is an address to listen on, not one to connect to"
            raise ConfigError(f"the broker name {name!r} is not usable", why, _A_NAME)
        return
    only_digits = name.rpartition(".")[2].isdigit()  # an address that is none
    if only_digits or len(name) > _LONGEST or not _HOST.fullmatch(name):
        why = "it is neither a host name nor an address"
        raise ConfigError(f"the broker name {name!r} is not usable", why, _A_NAME)


def require_address(bind: str) -> None:
    """
    Raises:
        ConfigError: it is no address, and no name of one.
    """
    if _address(bind) is not None:
        return
    found = False
    if _HOST.fullmatch(bind) and not bind.rpartition(".")[2].isdigit():
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(bind, None, type=socket.SOCK_STREAM)
            found = True
    if not found:
        why = "it is neither an address nor the name of one"
        remedy = "0.0.0.0 for all addresses of this machine, or one of them"
        raise ConfigError(f"the bind address {bind!r} is not usable", why, remedy)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
