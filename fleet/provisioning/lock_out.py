"""Lock an agent out of the broker, step by step, and say of each step whether it is proven.

It can be done again: what is done already is done, and what the broker did not take the first time
is tried anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fleet.bus.raw_client import RawClient, Version
from fleet.contract.errors import BrokerError
from fleet.contract.topics import STATES
from fleet.provisioning import mosquitto, names
from fleet.provisioning.certificates import Authority
from fleet.provisioning.connections import connection_as
from fleet.provisioning.dynsec import Dynsec, Refused, delete_account, delete_role
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings

CRL_UNREAD = (
    "on the CRL, but the broker has not read it: it does not run from this home, or its pid file is"
    " gone; until it reads the CRL it lets the certificate in, though without any right"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that had to be done: whether it is, and how that is known or why it is not."""

    what: str
    done: bool
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def end_certificates(settings: Settings, serials: Sequence[str], now: float) -> bool:
    """Put `serials` on the CRL; False where no broker of ours could be told to read it."""
    if not serials:
        return True
    Authority(settings.home).revoke(serials, now)
    return mosquitto.reload(mosquitto.plan_of(settings))


class LockOut:
    """Of one agent that is, or was, on the list of this home."""

    def __init__(self, settings: Settings, agent: Enrolled) -> None:
        self._settings = settings
        self._agent = agent
        self._accounts = agent.accounts or (agent.name,)

    def here(self, now: float) -> list[Step]:
        """What needs no broker that answers: off the list, and its certificates on the CRL."""
        serials = self._agent.serials
        read = end_certificates(self._settings, serials, now)
        Registry(self._settings.home).revoke(self._agent.name, now)
        steps = [Step("list of agents", True, "its name is kept from others")]
        if serials:
            said = "on the CRL, which the broker has read" if read else CRL_UNREAD
            steps.append(Step("certificate", read, said))
        return steps

    async def at_broker(self, dynsec: Dynsec) -> list[Step]:
        """Account, role and connection. The live connection is kicked first, by a password nobody
        else knows; with that the agent's session is emptied; then account and role go.

        Raises:
            BrokerError: the broker went away meanwhile.
        """
        name, (first, *others) = self._agent.name, self._accounts
        lock = new_secret()
        lock_out = {"command": "setClientPassword", "username": first, "password": lock}
        for command in (lock_out, *map(delete_account, others)):
            with contextlib.suppress(Refused):  # somebody deleted it by hand: all the better
                await dynsec.run(command)
        taken_over = await self._empty(name, first, lock)
        for command in (delete_account(first), delete_role(names.agent_role(name))):
            with contextlib.suppress(Refused):
                await dynsec.run(command)
        left = [account for account in self._accounts if await dynsec.account(account)]
        role = await dynsec.role(names.agent_role(name))
        kicked = "kicked, and its session emptied" if taken_over else "ended with its account"
        accounts = ", ".join(self._accounts)
        return [
            Step("account", not left, f"{accounts}: {'still there' if left else 'deleted'}"),
            Step("role and ACL", role is None, "deleted" if role is None else "still there"),
            Step("connection", not left, kicked if not left else "its account is still there"),
        ]

    def forget_credentials(self) -> None:
        """Nothing of it is left: only the name stays on the list."""
        Registry(self._settings.home).forget_credentials(self._agent.name)

    async def _empty(self, name: str, account: str, password: str) -> bool:
        """A clean session in place of the agent's, and empty retained messages; whether the broker
        let us in its place."""
        options = connection_as(self._settings, account, password, name)
        try:
            async with RawClient(options, Version.V311) as client:
                for kind in STATES:
                    await client.publish(self._settings.topics.of(kind, name), b"", retain=True)
        except BrokerError:  # the account goes next, whatever came of this
            return False
        return True
