"""Whether HTTP is served by TLS, and with which certificate: one of the home's own CA.

Beyond this machine a token in the open is everybody's, so plain HTTP there is said by a person.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.http.service import HttpService
from fleet.provisioning.certificates import Authority
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import Settings

LOOK: Final = 5.0
"""Seconds between looks at the certificate's files: a rotation is served soon after."""

RENEW_DAYS: Final = 60
"""Days before its end from which a hub that serves makes a new one: before anybody is warned."""

ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
_log = logging.getLogger(__name__)


def is_local(host: str) -> bool:
    """Whether only this machine reaches what is bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate_for(settings: Settings, host: str) -> ServerCertificate | None:
    """What to serve `host` with; None: plain HTTP, on this machine alone or as was asked for.

    Raises:
        ConfigError: it is beyond this machine, and there is no CA; or the CA is damaged.
    """
    if is_local(host) or settings.http_plain:
        return None
    authority = Authority(settings.home)
    if not authority.exists():
        raise ConfigError(
            f"HTTP is not served on {host} without TLS",
            f"tokens would travel in the open, and there is no CA in {authority.folder}",
            "fleet init makes one; FLEET_HTTP_PLAIN=true where a proxy before it speaks TLS",
        )
    return ServerCertificate(authority, names_of(settings, host))


def names_of(settings: Settings, host: str) -> tuple[str, ...]:
    """What callers may call the hub: this machine, the broker's names, what the settings add."""
    own = () if host in ANYWHERE else (host,)
    service = HttpService.of(settings)
    names = (
        *own,
        *plan_of(settings).names,
        *sorted(service.hosts),
        "localhost",
        "127.0.0.1",
        "::1",
    )
    return tuple(dict.fromkeys(name.lower() for name in names))


class ServerCertificate:
    """A certificate in force: made where there is none, renewed before its end, read again when its
    files change. Connections that are open keep the one they began with."""

    def __init__(self, authority: Authority, names: Sequence[str]) -> None:
        self._authority = authority
        self.names = tuple(names)
        self._stamp: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None
        self.look(time.time())

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        assert self._context is not None  # noqa: S101 - `look` made it, or raised
        return self._context

    @property
    def ca_file(self) -> Path:
        return self._authority.ca_file

    def look(self, now: float) -> None:
        """Make, renew or read again, as it is due.

        Raises:
            ConfigError: there is none that can be served.
        """
        if self._authority.http_is_due(self.names, now, RENEW_DAYS):
            self._authority.issue_http(self.names, now)
        files = self._authority.http_files
        stamp = tuple(path.stat().st_mtime_ns for path in files)
        if stamp == self._stamp:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "strerror", None) or str(error)
            remedy = f"move {files[0]} and {files[1]} away: they are made again"
            raise ConfigError("the hub's HTTPS certificate cannot be used", why, remedy) from None
        self._context, self._stamp = context, stamp

    async def run(self) -> None:
        """Keep it current; what fails leaves the last one in force."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await asyncio.to_thread(self.look, time.time())
            except (ConfigError, OSError) as error:
                _log.error("HTTPS goes on with the certificate before: %s", error)
