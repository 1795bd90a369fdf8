"""Who connects in a proof: the agent that tries, by its own way in, and the hub that looks on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from fleet.bus.error_messages import REFUSED_US
from fleet.bus.port import Will
from fleet.bus.raw_client import RawClient, Version
from fleet.bus.shared_client_id import refuse_shared
from fleet.contract import reserved
from fleet.contract.errors import BrokerError, ConfigError, FleetError
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning import names
from fleet.provisioning.connections import connection_as
from fleet.provisioning.enrolment import Credential
from fleet.settings import Settings

_ANY: Final = "an agent's own account and secret; FLEET_AGENT_BROKER=… where agents reach it"


class Sides:
    """Makes the connections of one proof.

    Attributes:
        newest: the newest version of MQTT that the broker speaks.
        barrier: a topic that both read: what the hub sends there comes after all before it.
    """

    def __init__(self, settings: Settings, credential: Credential) -> None:
        self._settings = settings
        self._theirs = settings
        if settings.agent_broker and not settings.broker_kind.has_enrolment:
            self._theirs = replace(settings, broker=settings.agent_broker)
        self._credential = credential
        self.newest = Version.V5
        self.agent = credential.agent
        self.barrier = settings.topics.of(MessageKind.COMMAND, credential.agent)

    def visit(
        self, version: Version, will: Will | None = None, client_id: str | None = None
    ) -> RawClient:
        """The agent, under its own client id unless another is given."""
        account, secret = self._credential.account, self._credential.secret
        chosen = self.agent if client_id is None else client_id
        options = connection_as(self._theirs, account, secret, chosen, will)
        return RawClient(replace(options, client_id=chosen), version)

    def nobody(self, version: Version) -> RawClient:
        """Without an account."""
        return RawClient(connection_as(self._theirs, "", None, self.agent), version)

    def hub(self, version: Version | None = None) -> RawClient:
        """
        Raises:
            ConfigError: it would push the hub out.
        """
        hub = names.hub_account(self._settings.topics)
        refuse_shared(self._settings.home, replace(self._settings.broker, user=hub))
        options = connection_as(self._settings, hub, self._settings.password())
        return RawClient(options, version or self.newest)

    async def require_login(self) -> None:
        """
        Raises:
            ConfigError: the agent's own account is not let in, so that nothing can be tried.
            BrokerError: the broker is not where agents look for it.
        """
        account, url = self._credential.account, self._theirs.broker
        try:
            async with self.visit(self.newest):
                return
        except BrokerError as error:
            if REFUSED_US not in error.what:
                raise BrokerError(
                    f"{self.agent} cannot reach the broker {url}", error.why or error.what, _ANY
                ) from None
            remedy = "check --agent-password-file, and --account if it was rotated"
            what = f"the broker does not let {self.agent} in as {account}"
            raise ConfigError(what, error.why, remedy) from None

    async def reached(self, one: RawClient, other: RawClient) -> bool:
        """Whether `other` hears of `one` on the barrier: then it has all that was sent before."""
        control = reserved.payload(time.time())
        await one.publish(self.barrier, control)
        return await other.wait_for(control)


def blind(why: str, remedy: str = "") -> FleetError:
    """Nothing can be judged."""
    usual = "fleet broker secure makes the hub's account as it should be; then try again"
    return FleetError("the ACL cannot be judged", why, remedy or usual)
