"""A monitor elsewhere hears regularly that the hub is well, and alarms when it hears nothing.

[dead_man]
url_file = "ping.url"          # 0600; the form of healthchecks.io: URL, URL/start, URL/fail
every = 60
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric

from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.secret_file import read_secret
from fleet.contract.vocabulary import HubAlertCode
from fleet.contract.web_address import is_web_address
from fleet.hub.committer import HUB
from fleet.metrics import hub_families
from fleet.metrics.collector import single
from fleet.notifier.http_post import post
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

EVERY: Final = 60.0
LEAST, MOST = 10.0, 86_400.0
"""Seconds: what a monitor takes without counting it as an attack, and what still tells a day."""
START, WELL, FAIL = "/start", "", "/fail"
_WHO: Final = "the dead-man ping"
_REMEDY: Final = "[dead_man] url or url_file in fleet.toml"
_DEAF: Final = (
    HubAlertCode.BROKER_DOWN,
    HubAlertCode.HUB_DEAF,
    HubAlertCode.CREDENTIAL_USED_TWICE,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PingTarget:
    """Where the pings go, each `every` seconds. The address is a secret."""

    url: str = field(default="", repr=False)
    url_file: Path | None = None
    every: float = EVERY

    def address(self) -> str:
        """
        Raises:
            ConfigError: the file cannot be used, or holds no address.
        """
        address = read_secret(self.url_file) if self.url_file else self.url
        if not is_web_address(address):
            raise ConfigError(f"{_WHO} has no usable address", "http:// or https://", _REMEDY)
        return address.rstrip("/")


def target_of(settings: Settings) -> PingTarget | None:
    """As `[dead_man]` says; None: nobody waits for this hub.

    Raises:
        ConfigError: the table is not usable.
    """
    table = settings.tables.get("dead_man")
    if table is None:
        return None
    if ("url" in table) == ("url_file" in table):
        raise ConfigError("[dead_man] needs one address", "url or url_file, not both", _REMEDY)
    file = settings.home / Path(table["url_file"]).expanduser() if "url_file" in table else None
    every = float(table.get("every", EVERY))
    if not LEAST <= every <= MOST:
        why = f"it is not from {LEAST:g} to {MOST:g} seconds"
        raise ConfigError("[dead_man] every is not usable", why, "every = 60 in fleet.toml")
    target = PingTarget(table.get("url", ""), file, every)
    target.address()
    return target


class DeadMan:
    """A service of the hub. It says `start` once, then whether the hub does its work."""

    name = "dead-man"

    def __init__(self, hub: Hub, target: PingTarget) -> None:
        self._hub = hub
        self._target = target
        self._taken = True
        # Of its own: who hangs here must not use up the threads of others.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dead-man")

    async def run(self) -> None:
        try:
            await self._ping(START, "")
            while True:
                why = self.why_not_well()
                await self._ping(FAIL if why else WELL, why)
                await asyncio.sleep(self._target.every)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def why_not_well(self) -> str:
        """What keeps the hub from its work, in a code; empty: nothing."""
        committer = self._hub.committer
        if self._hub.counters.paused:
            return "intake-paused"
        return next((code.value for code in _DEAF if committer.book.fires(HUB, code)), "")

    def metrics(self) -> Iterable[Metric]:
        yield single(hub_families.DEAD_MAN_UP, int(self._taken))

    async def _ping(self, what: str, why: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._send, what, why)
        except FleetError as error:
            if self._taken:
                _log.error("%s: %s; it goes on", error.what, error.why)
            self._taken = False
            return
        if not self._taken:
            _log.warning("%s works again", _WHO)
        self._taken = True

    def _send(self, what: str, why: str) -> None:
        headers = {"Content-Type": "text/plain"}
        post(_WHO, _REMEDY, self._target.address() + what, why.encode(), headers)
