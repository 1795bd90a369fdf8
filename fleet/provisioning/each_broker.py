"""Accounts at a pair of brokers: made at each, and what one of them lacks is known and mended.

A broker that is away when an agent is enrolled gets the account later. Its secret waits for that in
a 0600 file of the home, beside the admin's, whose password could make any account anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, FleetError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.provisioning import acl_rules, names
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.dynsec import (
    Account,
    Dynsec,
    Refused,
    create_account,
    create_role,
    delete_account,
    delete_role,
)
from fleet.provisioning.enrolment import Credential
from fleet.provisioning.mosquitto import plan_of
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

WITHIN = 10.0
"""Seconds for a broker to be reached: one that is away must not hold up the other."""


MAX_TOLD = 1000
"""Gaps that the hub's log names; `fleet broker accounts` shows all."""

BY_HAND = "or by hand: fleet broker accounts --repair"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a broker has otherwise than the list of agents.

    Attributes:
        missing: whether the account is not there; else it is there and was ended.
        mendable: whether this home can mend it by itself.
    """

    broker: BrokerUrl
    account: str
    agent: str
    missing: bool
    mendable: bool

    @property
    def sentence(self) -> str:
        if self.missing:
            return f"{self.account} is missing at {self.broker}"
        return f"{self.account} was ended, and is still in force at {self.broker}"


async def nearest(settings: Settings) -> Settings:
    """The settings for the first broker that answers; the others follow by `create` and `end`.

    Raises:
        ConfigError: this home makes no accounts.
    """
    *others, last = settings.at_each()
    for place in others:
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(WITHIN), dynsec_of(place):
                return place
    return last


async def create(settings: Settings, done: Settings, credential: Credential) -> list[str]:
    """Make the account at the brokers where it is not yet; what a person is told, a line each.
    `done` are the settings of the one that has it."""
    told = []
    for place in _others(settings, done):
        try:
            async with asyncio.timeout(WITHIN), dynsec_of(place) as dynsec:
                await _establish(place, dynsec, credential)
            told.append(f"{credential.account} is in force at {place.broker}, too")
        except (BrokerError, TimeoutError) as error:
            _owed_file(settings, place.broker, credential.account).owe(credential.secret)
            told.append(f"{credential.account} waits for {place.broker}: {_why(error)}")
            told.append(f"the hub makes it there once that broker is back; {BY_HAND}")
    return told


async def end(settings: Settings, done: Settings, accounts: Iterable[str]) -> list[str]:
    """End accounts at the other brokers; what a person is told."""
    ended, told = tuple(accounts), []
    for place in _others(settings, done):
        try:
            async with asyncio.timeout(WITHIN), dynsec_of(place) as dynsec:
                for account in ended:
                    _owed_file(settings, place.broker, account).settle()
                    with contextlib.suppress(Refused):
                        await dynsec.run(delete_account(account))
        except (BrokerError, TimeoutError) as error:
            told.append(f"{', '.join(ended)} still in force at {place.broker}: {_why(error)}")
            told.append(f"the hub ends it once that broker is back; {BY_HAND}")
    return told


async def gaps(place: Settings) -> list[Gap]:
    """What the broker of `place` has otherwise than the list of agents.

    Raises:
        FleetError: it cannot be asked, or this home makes no accounts.
    """
    registry = Registry(place.home)
    async with asyncio.timeout(WITHIN), dynsec_of(place) as dynsec:
        there = {account.username for account in await dynsec.everybody()}
    found = []
    for agent in (registry.everyone() or {}).values():
        own = () if agent.revoked_at else agent.accounts
        for account in own:
            if account not in there:
                owed = _owed_file(place, place.broker, account).path.exists()
                found.append(Gap(place.broker, account, agent.name, True, owed))
        ended = {a for a in there if a.partition(".")[0] == agent.name} - set(own)
        found += [Gap(place.broker, account, agent.name, False, True) for account in sorted(ended)]
    return found


async def mend(place: Settings, found: Iterable[Gap]) -> list[Gap]:
    """Mend what this home can; what is left.

    Raises:
        FleetError: the broker went away, or refuses.
    """
    left = []
    async with asyncio.timeout(WITHIN), dynsec_of(place) as dynsec:
        for gap in found:
            owed = _owed_file(place, place.broker, gap.account)
            if not gap.mendable:
                left.append(gap)
            elif gap.missing:
                credential = Credential(gap.agent, gap.account, owed.secret())
                await _establish(place, dynsec, credential)
                owed.settle()
            else:
                with contextlib.suppress(Refused):
                    await dynsec.run(delete_account(gap.account))
                if not _lives(place, gap.agent):
                    with contextlib.suppress(Refused):
                        await dynsec.run(delete_role(names.agent_role(gap.agent)))
    return left


def is_pair(settings: Settings) -> bool:
    """Whether accounts are made at several brokers."""
    home = plan_of(settings).admin_password.exists()
    return bool(settings.standbys) and settings.broker_kind.has_enrolment and home


@dataclass(frozen=True, slots=True)
class _OwedFile:
    """The secret of an account that a broker is still to get."""

    path: Path

    def owe(self, secret: str | None) -> None:
        write_secret(self.path, f"{secret or _BY_CERTIFICATE}\n")

    def secret(self) -> str | None:
        found = read_secret(self.path)
        return None if found == _BY_CERTIFICATE else found

    def settle(self) -> None:
        self.path.unlink(missing_ok=True)


_BY_CERTIFICATE = "by certificate"
"""In the place of a secret; ours hold no blank."""


def _owed_file(settings: Settings, broker: BrokerUrl, account: str) -> _OwedFile:
    place = f"{broker.host.replace(':', '_')}-{broker.port}"
    return _OwedFile(plan_of(settings).folder / "owed" / place / account)


def _others(settings: Settings, done: Settings) -> Iterator[Settings]:
    return (place for place in settings.at_each() if place.broker != done.broker)


def _lives(settings: Settings, name: str) -> bool:
    return name in (Registry(settings.home).agents() or {})


async def _establish(place: Settings, dynsec: Dynsec, credential: Credential) -> None:
    """Role and account as they should be, whatever is there."""
    role = acl_rules.agent(place.topics, credential.agent)
    known = await dynsec.role(role.name)
    if known is None:
        await dynsec.run(create_role(role))
    elif sorted(known.rights) != sorted(role.rights):
        await dynsec.run({"command": "modifyRole", **role.document()})
    account = Account(credential.account, credential.agent, (role.name,))
    with contextlib.suppress(Refused):
        await dynsec.run(delete_account(credential.account))
    await dynsec.run(create_account(account, credential.secret))
    if await dynsec.account(credential.account) != account:
        raise BrokerError(
            f"the account {credential.account} is not as it should be", "it reads back so"
        )


def _why(error: Exception) -> str:
    if isinstance(error, FleetError):
        return f"{error.what}: {error.why}" if error.why else error.what
    return "it does not answer"
