"""Mosquitto's dynamic security plugin, spoken to over `$CONTROL` as its documentation has it.

Commands of one batch are carried out one by one, not as a transaction: who needs all or nothing
reads back and undoes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from fleet.bus.port import Bus
from fleet.contract.errors import BrokerError
from fleet.contract.topics import CONTROL, CONTROL_RESPONSE
from fleet.provisioning.acl_rules import DEFAULTS, Right, Role

PATIENCE: Final = 10.0
"""Seconds for an answer: 200 accounts in a batch take a third of one."""

MAX_BATCH: Final = 7_500
"""Bytes a batch: the broker drops what is over its own `message_size_limit` of 8192."""

PAGE: Final = 200
"""Accounts, roles or groups an answer: a role of ours takes 1 kB, a packet at most 1 MiB."""

Command = dict[str, Any]


class Refused(BrokerError):
    """The plugin refused a command; `reason` is its own word for why."""

    def __init__(self, command: str, subject: str, reason: str) -> None:
        self.reason = reason
        remedy = "fleet agent list shows who is enrolled; fleet agent add --reuse replaces the rest"
        super().__init__(f"the broker refused {command} {subject}".rstrip(), reason, remedy)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the plugin has it; `client_id` empty means any."""

    username: str
    client_id: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def document(self) -> Command:
        roles = [{"rolename": role} for role in self.roles]
        return {"username": self.username, "clientid": self.client_id, "roles": roles}


class Dynsec(AbstractAsyncContextManager["Dynsec"]):
    """The plugin behind `bus`, whose account must be allowed to speak to it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sent = 0

    async def __aenter__(self) -> Dynsec:
        await self._bus.subscribe(CONTROL_RESPONSE)
        return self

    async def __aexit__(self, *_: object) -> None:
        """The bus belongs to the caller."""

    async def run(self, *commands: Command) -> list[Command]:
        """The answers to `commands`, in order.

        Raises:
            Refused: the plugin refused one; those before it are carried out.
            BrokerError: no plugin answers.
        """
        answers: list[Command] = []
        for batch in _batches(commands):
            for command, answer in zip(batch, await self._exchange(batch), strict=True):
                if "error" in answer:
                    subject = command.get("username") or command.get("rolename") or ""
                    raise Refused(command["command"], subject, answer["error"])
                answers.append(answer.get("data", {}))
        return answers

    async def account(self, username: str) -> Account | None:
        """The account as it stands, or None."""
        try:
            [data] = await self.run({"command": "getClient", "username": username})
        except Refused as refused:
            if refused.reason == "Client not found":
                return None
            raise
        return _account(data["client"])

    async def role(self, name: str) -> Role | None:
        """The role as it stands, or None."""
        try:
            [data] = await self.run({"command": "getRole", "rolename": name})
        except Refused as refused:
            if refused.reason == "Role not found":
                return None
            raise
        return Role(name, tuple(Right(**acl) for acl in data["role"]["acls"]))

    async def everybody(self) -> list[Account]:
        """Every account with its roles and groups; those that are disabled are none."""
        listed = await self._pages("listClients", "clients")
        return [_account(client) for client in listed if not client.get("disabled")]

    async def roles(self) -> dict[str, tuple[Right, ...]]:
        """The rights of every role, by its name."""
        listed = await self._pages("listRoles", "roles")
        return {role["rolename"]: tuple(Right(**acl) for acl in role["acls"]) for role in listed}

    async def groups(self) -> dict[str, tuple[str, ...]]:
        """The roles of every group, by its name."""
        listed = await self._pages("listGroups", "groups")
        return {
            group["groupname"]: tuple(role["rolename"] for role in group["roles"])
            for group in listed
        }

    async def anonymous_group(self) -> str:
        """The group of whoever has no name; empty: none."""
        [data] = await self.run({"command": "getAnonymousGroup"})
        return str(data.get("group", {}).get("groupname", ""))

    async def _pages(self, command: str, items: str) -> list[Command]:
        found: list[Command] = []
        while True:
            asked = {"command": command, "verbose": True, "count": PAGE, "offset": len(found)}
            [data] = await self.run(asked)
            found += data[items]
            if not data[items] or len(found) >= data["totalCount"]:
                return found

    async def accounts(self) -> list[str]:
        """Every user name."""
        listing = {"command": "listClients", "verbose": False, "count": -1, "offset": 0}
        [data] = await self.run(listing)
        return list(data["clients"])

    async def defaults(self) -> dict[str, bool]:
        """What holds where no role says otherwise."""
        [data] = await self.run({"command": "getDefaultACLAccess"})
        return {acl["acltype"]: acl["allow"] for acl in data["acls"]}

    async def deny_by_default(self) -> None:
        """Set the defaults to ours. `mosquitto_ctrl` 2.0.11 does nothing when asked to."""
        acls = [{"acltype": kind, "allow": allow} for kind, allow in DEFAULTS.items()]
        await self.run({"command": "setDefaultACLAccess", "acls": acls})

    async def _exchange(self, batch: Sequence[Command]) -> list[Command]:
        self._sent += 1
        tags = [f"{id(self):x}-{self._sent}-{index}" for index in range(len(batch))]
        tagged = [c | {"correlationData": tag} for c, tag in zip(batch, tags, strict=True)]
        await self._bus.publish(CONTROL, json.dumps({"commands": tagged}).encode())
        try:
            async with asyncio.timeout(PATIENCE):
                async for message in self._bus.messages():
                    answers = _answers(message.payload)
                    if [answer.get("correlationData") for answer in answers] == tags:
                        return answers
        except TimeoutError:
            pass
        raise BrokerError(
            "the broker's dynamic security does not answer",
            "the plugin is not loaded, or this account may not speak to it",
            "fleet broker config shows the configuration it needs",
        )


def _account(client: Command) -> Account:
    return Account(
        client["username"],
        client.get("clientid", ""),
        tuple(role["rolename"] for role in client["roles"]),
        tuple(group["groupname"] for group in client.get("groups", ())),
    )


def create_role(role: Role) -> Command:
    return {"command": "createRole", **role.document()}


def create_account(account: Account, password: str | None) -> Command:
    """Without a password nobody can log in by one: for accounts that certificates use."""
    secret = {} if password is None else {"password": password}
    return {"command": "createClient", **account.document(), **secret}


def delete_account(username: str) -> Command:
    """Also ends the account's live connections."""
    return {"command": "deleteClient", "username": username}


def delete_role(name: str) -> Command:
    return {"command": "deleteRole", "rolename": name}


def _batches(commands: Sequence[Command]) -> Iterator[list[Command]]:
    batch: list[Command] = []
    size = 0
    for command in commands:
        length = len(json.dumps(command)) + 60  # with its tag
        if batch and size + length > MAX_BATCH:
            yield batch
            batch, size = [], 0
        batch.append(command)
        size += length
    if batch:
        yield batch


def _answers(payload: bytes) -> list[dict[str, Any]]:
    """What a response of the plugin holds; nothing where it is none."""
    try:
        found = json.loads(payload)["responses"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    whole = isinstance(found, list) and all(isinstance(answer, dict) for answer in found)
    return found if whole else []
