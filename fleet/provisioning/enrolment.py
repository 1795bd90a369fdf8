"""Enrol agents, rotate their credentials, revoke them; each read back and proven at the broker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fleet.bus.raw_client import RawClient, Version
from fleet.contract.errors import BrokerError, ConfigError, FleetError
from fleet.contract.vocabulary import Kind, MessageKind
from fleet.provisioning import acl_rules, names
from fleet.provisioning.certificates import Authority
from fleet.provisioning.connections import connection_as
from fleet.provisioning.dynsec import (
    Account,
    Dynsec,
    Refused,
    create_account,
    create_role,
    delete_account,
    delete_role,
)
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.issued import Issued
from fleet.provisioning.lock_out import CRL_UNREAD, LockOut, Step, end_certificates
from fleet.provisioning.registry import Enrolled, Registry
from fleet.settings import Settings
from fleet.store.open import reserve_name

AGAIN: Final = "kill -HUP the broker or restart it, where it is the CRL; then the same again"


@dataclass(frozen=True, slots=True)
class Credential:
    """What an agent logs in with; shown once. By certificate there is no secret."""

    agent: str
    account: str
    secret: str | None = field(default=None, repr=False)
    issued: Issued | None = field(default=None, repr=False)


class NotProvenError(FleetError):
    """The broker does not do what it was told; what was made is taken back."""


class Enroller:
    """Enrols at the broker that `dynsec` speaks to, and keeps the home's registry.

    `clock` gives epoch seconds.
    """

    def __init__(self, settings: Settings, dynsec: Dynsec, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._dynsec = dynsec
        self._clock = clock
        self._registry = Registry(settings.home)

    async def add(
        self,
        name: str,
        kind: Kind = Kind.GENERIC,
        labels: Mapping[str, str] | None = None,
        groups: Sequence[str] = (),
        *,
        certificate: bool = False,
        reuse: bool = False,
        succeeds: str = "",
    ) -> Credential:
        """Account, role and ACL in one batch; read back, proven, then put on the list.

        Raises:
            ConfigError: the name is not usable, enrolled, or was revoked (unless `reuse`).
            NotProvenError: the broker did something else; nothing is left behind.
        """
        names.check_agent_name(self._topics, name)
        self._check_free(name, reuse=reuse)
        reserve_name(self._settings, name)
        now = self._clock()
        issued = Authority(self._settings.home).issue_client(name, now) if certificate else None
        credential = Credential(name, name, None if certificate else new_secret(), issued)
        if reuse:
            before = (self._registry.everyone() or {}).get(name)
            for account in {name, *(before.accounts if before else ())}:
                with contextlib.suppress(Refused):  # nothing is left of it: the usual case
                    await self.delete(replace(credential, account=account))
        await self.create(credential)
        serials = (issued.serial,) if issued else ()
        agent = Enrolled(
            name,
            kind,
            dict(labels or {}),
            tuple(groups),
            accounts=(name,),
            enrolled_at=now,
            serials=serials,
            succeeds=succeeds,
        )
        try:
            self._registry.save(agent)
        except ConfigError:
            await self.delete(credential)
            raise
        return credential

    async def create(self, credential: Credential) -> None:
        """Make and prove the account at the broker; the list is left alone."""
        role = acl_rules.agent(self._topics, credential.agent)
        account = Account(credential.account, credential.agent, (role.name,))
        await self._dynsec.run(create_role(role), create_account(account, credential.secret))
        try:
            await self._read_back(account)
            if credential.secret is not None:
                await self._prove(credential.account, credential.secret, credential.agent)
        except BaseException:
            await self.delete(credential)
            raise

    async def delete(self, credential: Credential) -> None:
        """Take back what `create` made."""
        role = names.agent_role(credential.agent)
        await self._dynsec.run(delete_account(credential.account), delete_role(role))

    async def rotate(self, name: str) -> Credential:
        """A second credential beside the first, proven; `finish` ends the first.

        The trial runs under a client id of its own, since logging in as the agent would push the
        live connection out.

        Raises:
            ConfigError: nobody of that name is enrolled, or a rotation is under way.
        """
        agent = self._enrolled(name)
        if len(agent.accounts) > 1 or len(agent.serials) > 1:
            raise ConfigError(
                f"the rotation of {name} is not finished",
                "two credentials are valid",
                f"fleet agent rotate {name} --finish",
            )
        if agent.serials:
            issued = Authority(self._settings.home).issue_client(name, self._clock())
            self._registry.save(replace(agent, serials=(*agent.serials, issued.serial)))
            return Credential(name, name, None, issued)
        following = names.next_account(name, agent.accounts)
        credential = Credential(name, following, new_secret())
        trial = new_secret()
        final = Account(following, name, (names.agent_role(name),))
        await self._dynsec.run(create_account(replace(final, client_id=trial), credential.secret))
        try:
            await self._prove(following, credential.secret or "", trial, agent=name)
            bind = {"command": "modifyClient", "username": following, "clientid": name}
            await self._dynsec.run(bind)
            await self._read_back(final)
        except BaseException:
            await self._dynsec.run(delete_account(following))
            raise
        self._registry.save(replace(agent, accounts=(*agent.accounts, following)))
        return credential

    async def finish(self, name: str) -> tuple[str, ...]:
        """End every credential but the newest; what was ended.

        Raises:
            ConfigError: nobody of that name is enrolled, or it has one credential.
        """
        agent = self._enrolled(name)
        old, serials = agent.accounts[:-1], agent.serials[:-1]
        if not old and not serials:
            raise ConfigError(
                f"{name} has one credential",
                "there is no older one to end",
                f"fleet agent rotate {name}, which makes a second one",
            )
        if old:
            await self._dynsec.run(*map(delete_account, old))
        read = end_certificates(self._settings, serials, self._clock())
        kept = replace(agent, accounts=agent.accounts[-1:], serials=agent.serials[-1:])
        self._registry.save(kept)
        if not read:
            raise NotProvenError(f"the old certificate of {name} is not ended", CRL_UNREAD, AGAIN)
        return (*old, *serials)

    async def revoke(self, name: str) -> list[Step]:
        """Lock the agent out now, drop what waits for it, clear what it left retained; the steps.
        One that was revoked before is looked at again.

        Raises:
            ConfigError: nobody of that name was ever enrolled.
            NotProvenError: the account is still there afterwards, or its certificate still opens.
        """
        agent = (self._registry.everyone() or {}).get(name) or self._enrolled(name)
        lock_out = LockOut(self._settings, agent)
        steps = [*lock_out.here(self._clock()), *await lock_out.at_broker(self._dynsec)]
        for step in steps:
            if not step.done:
                raise NotProvenError(f"{name} is not gone: {step.what}", step.detail, AGAIN)
        lock_out.forget_credentials()
        return steps

    async def _read_back(self, wanted: Account) -> None:
        role = acl_rules.agent(self._topics, wanted.client_id)
        found = await self._dynsec.account(wanted.username)
        if found != wanted:
            raise _not_proven(f"account {wanted.username}", "it reads back differently")
        stored = await self._dynsec.role(role.name)
        if stored is None or sorted(stored.rights) != sorted(role.rights):
            raise _not_proven(f"role {role.name}", "it reads back differently")

    async def _prove(
        self, account: str, secret: str, client_id: str, agent: str | None = None
    ) -> None:
        """Log in as the agent would: its own topic opens, everybody's stays shut, and another
        client id or password is refused."""
        for wrong_password, wrong_id in ((secret + "x", client_id), (secret, f"{client_id}-x")):
            wrong = connection_as(self._settings, account, wrong_password, wrong_id)
            with contextlib.suppress(BrokerError):
                async with RawClient(wrong, Version.V5):
                    raise _not_proven(f"account {account}", "a wrong login was let in")
        right = connection_as(self._settings, account, secret, client_id)
        async with RawClient(right, Version.V5) as client:
            own = self._topics.of(MessageKind.COMMAND, agent or client_id)
            if not await client.subscribe(own):
                raise _not_proven(f"account {account}", "it may not read its own commands")
            if await client.subscribe(self._topics.every(MessageKind.COMMAND)):
                raise _not_proven(f"account {account}", "it may read everybody's commands")

    def _enrolled(self, name: str) -> Enrolled:
        agent = (self._registry.agents() or {}).get(name)
        if agent is None:
            raise ConfigError(f"{name} is not enrolled", "", f"fleet agent add {name}")
        return agent

    def _check_free(self, name: str, *, reuse: bool) -> None:
        known = (self._registry.everyone() or {}).get(name)
        if known is None:
            return
        if known.revoked_at is None:
            remedy = f"fleet agent rotate {name} gives it a new credential"
            raise ConfigError(f"{name} is enrolled already", "", remedy)
        if not reuse:
            raise ConfigError(
                f"the name {name} was revoked",
                "whoever has it next inherits its history",
                f"fleet agent add {name} --reuse, if that is meant",
            )


def _not_proven(what: str, why: str) -> NotProvenError:
    remedy = "look at the broker's log; fleet acl test shows what is open"
    return NotProvenError(f"the {what} is not as it should be", why, remedy)
