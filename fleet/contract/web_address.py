"""Addresses of HTTP, and what must not stand in one."""

from __future__ import annotations

from urllib.parse import urlsplit

from fleet.contract.errors import ConfigError


def is_web_address(text: str) -> bool:
    """Whether `text` is http(s)://HOST[:PORT] with whatever follows."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, or a port that is none
        return False


def refuse_login(address: str, what: str, remedy: str) -> None:
    """
    Args:
        what: whose address it is, as the error's subject.

    Raises:
        ConfigError: a user name or a password stands in the address, which is not repeated.
    """
    try:
        host = urlsplit(address).netloc
    except ValueError:
        host = address
    if "@" in host:
        raise ConfigError(
            f"{what} holds a user name or a password",
            "addresses end up in logs and process lists",
            remedy,
        )
