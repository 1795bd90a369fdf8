"""Whether a client of the hub's account has a client id of its own at the broker.

Mosquitto's `use_username_as_clientid` puts the account in place of whatever id a client says. Where
the hub's account is under it, every call of the command line would push the hub out, and take what
waits for it. The hub looks before it connects, and leaves word in its home; nobody else connects
with that account then.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.links import fast
from fleet.bus.mqtt import MqttBus
from fleet.bus.raw_client import RawClient, Version
from fleet.bus.shared_client_id import REMEDY, SAID, leave_word
from fleet.contract import reserved
from fleet.contract.errors import BrokerError
from fleet.contract.vocabulary import MessageKind

if TYPE_CHECKING:
    from fleet.settings import Settings

_log = logging.getLogger(__name__)

_IDS: Final = ("look-1", "look-2")
"""Endings of the ids that a look connects under. Always the same, so that one that was killed
leaves no more than these at the broker."""


class HubBus(MqttBus):
    """The hub's own link: it looks at the broker's habit first."""

    def __init__(self, settings: Settings, options: ConnectOptions, *, looks: bool) -> None:
        super().__init__(options, fast)
        self._settings = settings
        self._looks = looks

    async def __aenter__(self) -> Self:
        home, broker = self._settings.home, self._options.url
        shared = self._looks and await is_one_for_all(self._settings, self._options)
        leave_word(home, broker, shared=shared)
        if shared:
            _log.error("%s; try: %s", SAID, REMEDY)
        return await super().__aenter__()


async def is_one_for_all(settings: Settings, options: ConnectOptions) -> bool:
    """Whether two clients of the account in `options` get one client id; False where it cannot be
    told. What waits for a hub that is away goes on waiting."""
    kept = replace(options, persistent=True, manual_ack=True, will=None)
    first, second = (replace(kept, client_id=f"{options.client_id}-{end}") for end in _IDS)
    topic = settings.topics.of(MessageKind.RECEIPT, reserved.DOCTOR)
    found = False
    with contextlib.suppress(BrokerError):
        async with RawClient(first, Version.V311) as one, RawClient(second, Version.V311):
            await one.subscribe(topic)  # answered, or ended by the loss
            found = not one.alive
    if not found:
        for one_more in (first, second):
            with contextlib.suppress(BrokerError):  # a clean session ends the one that was kept
                async with RawClient(replace(one_more, persistent=False), Version.V311):
                    pass
    return found
