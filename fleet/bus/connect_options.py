"""How to reach a broker: address, credential, session."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.bus.connection import SESSION_EXPIRY
from fleet.bus.own_broker import Witness, witness_of
from fleet.bus.port import LinkObserver, Will
from fleet.bus.shared_client_id import refuse_shared
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.timestamps import ulid
from fleet.contract.tls_files import client_context

if TYPE_CHECKING:
    from fleet.settings import Settings

KEEPALIVE: Final = 20
"""Seconds. A will after a dead network comes in about twice this; shorter costs idle traffic."""


def _ignore(_up: bool, _detail: str) -> None:
    """The observer of a link that nobody watches."""


async def _at_once() -> None:
    """The turn of who has nobody to give way to."""


Turn = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Everything one connection needs.

    Attributes:
        url: where to; `standbys` are tried in turn after it.
        client_id: the account's name where a broker binds the two; else any unique text.
        persistent: keep the session (and queue QoS 1 messages) while we are away.
        manual_ack: QoS 1 messages are acknowledged by `Bus.ack` only, not on arrival.
        witness: what must prove the broker before a password is sent in the open.
        turn: awaited before a lost link is made anew.
        password: None where the broker asks for none; never shown.
        is_taken: asked before a place is taken again that somebody else seems to have.
    """

    url: BrokerUrl
    client_id: str
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    persistent: bool = False
    manual_ack: bool = False
    will: Will | None = None
    keepalive: int = KEEPALIVE
    on_link: LinkObserver = _ignore
    witness: Witness | None = None
    turn: Turn = _at_once
    standbys: tuple[BrokerUrl, ...] = ()
    is_taken: Callable[[], Awaitable[bool]] | None = None

    @property
    def must_prove(self) -> Witness | None:
        """What proves the broker first; None where nothing secret is sent."""
        return None if self.password is None else self.witness

    def each(self) -> list[ConnectOptions]:
        """The options for each broker alone, in order."""
        others = [replace(self, url=url, standbys=(), witness=None) for url in self.standbys]
        return [replace(self, standbys=()), *others]

    def tls_context(self) -> ssl.SSLContext | None:
        """
        Raises:
            ConfigError: a certificate or key cannot be loaded.
        """
        if not self.url.tls:
            return None
        return client_context(self.ca_file, self.cert_file, self.key_file)


def asked(options: ConnectOptions) -> dict[str, int]:
    """The seconds of keep-alive and session that a CONNECT asks for."""
    session = SESSION_EXPIRY if options.persistent else 0
    return {"keep_alive": options.keepalive, "session": session}


def connect_options(
    settings: Settings,
    *,
    client_id: str | None = None,
    persistent: bool = False,
    manual_ack: bool = False,
    will: Will | None = None,
    on_link: LinkObserver = _ignore,
    turn: Turn = _at_once,
) -> ConnectOptions:
    """The connection that `settings` describe; without `client_id` a name of its own.

    Raises:
        ConfigError: the broker takes every name for the hub's.
    """
    import time

    if client_id is None:
        refuse_shared(settings.home, settings.broker)
    return ConnectOptions(
        settings.broker,
        client_id or f"{settings.topics.manager}-{ulid(time.time())[10:].lower()}",
        password=settings.password(),
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        persistent=persistent,
        manual_ack=manual_ack,
        will=will,
        on_link=on_link,
        witness=witness_of(settings),
        turn=turn,
        standbys=settings.standbys,
    )
