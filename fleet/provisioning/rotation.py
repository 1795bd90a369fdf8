"""See an agent come with its new account, in the broker's own log of connections."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final, Self

from fleet.bus.connect_options import connect_options
from fleet.bus.mqtt import MqttBus
from fleet.contract.errors import FleetError
from fleet.contract.topics import STATISTICS
from fleet.settings import Settings

LOG: Final = STATISTICS.replace("#", "broker/log/#")


class ConnectionWatch(AsyncExitStack):
    """Watches who connects from before a credential is shown, so that no agent is too quick.

    The production configuration publishes connections below `$SYS`; another broker may not.
    """

    def __init__(self, settings: Settings, agent: str) -> None:
        super().__init__()
        self._agent = agent
        self._bus = MqttBus(connect_options(settings))

    async def __aenter__(self) -> Self:
        await self.enter_async_context(self._bus)
        await self._bus.subscribe(LOG)
        return self

    async def seen(self, account: str, seconds: float) -> None:
        """Return when the agent has connected as `account`.

        Raises:
            FleetError: it did not within `seconds`; both credentials stay valid.
        """
        marks = f"as {self._agent} (".encode(), f"u'{account}'".encode()
        try:
            async with asyncio.timeout(seconds):
                async for message in self._bus.messages():
                    if not message.retain and all(mark in message.payload for mark in marks):
                        return
        except TimeoutError:
            raise FleetError(
                f"{self._agent} has not come with its new credential in {seconds:g} s",
                "both are valid meanwhile",
                f"join on the agent's side, then: fleet agent rotate {self._agent} --finish",
            ) from None
