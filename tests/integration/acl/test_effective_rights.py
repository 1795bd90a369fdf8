"""What the broker lets each account do is held against the list, wherever a right comes from."""

from __future__ import annotations

import pytest

from fleet.acl import proof
from fleet.acl.proof_report import Opening, Way
from fleet.provisioning.acl_rules import Acl
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.dynsec import Account, Command, create_account
from fleet.provisioning.dynsec_seed import new_secret
from tests.support.provisioned import ProvisionedBroker


def role(name: str, *topics: str, acltype: Acl = Acl.SUBSCRIBE_PATTERN) -> Command:
    acls = [{"acltype": acltype.value, "topic": topic, "allow": True} for topic in topics]
    return {"command": "createRole", "rolename": name, "acls": acls}


def group(name: str, *roles: str) -> Command:
    listed = [{"rolename": one} for one in roles]
    return {"command": "createGroup", "groupname": name, "roles": listed}


async def found_after(broker: ProvisionedBroker, *commands: Command) -> list[Opening]:
    await broker.enrol("alpha", "beta")
    async with dynsec_of(broker.settings) as dynsec:
        await dynsec.run(*commands)
    return await proof.prove(broker.settings)


async def test_a_group_that_gives_an_agent_more_is_found(provisioned: ProvisionedBroker) -> None:
    found = await found_after(
        provisioned,
        role("readers", "#"),
        group("friends", "readers"),
        {"command": "addGroupClient", "groupname": "friends", "username": "alpha"},
    )
    assert found == [Opening("alpha", Way.GROUP, "friends")]


async def test_a_group_that_gives_nothing_of_the_fleets_is_none_of_our_business(
    provisioned: ProvisionedBroker,
) -> None:
    found = await found_after(
        provisioned,
        role("lamps", "homes/+/lamp", acltype=Acl.SEND),
        group("lights", "lamps"),
        {"command": "addGroupClient", "groupname": "lights", "username": "alpha"},
        create_account(Account("bulb", "", ("lamps",)), new_secret()),
    )
    assert found == []


@pytest.mark.parametrize(
    ("acltype", "topic"),
    [
        (Acl.SUBSCRIBE_PATTERN, "#"),
        (Acl.SEND, "fleet/alpha/command"),
        (Acl.SEND, "+/+/receipt"),
        (Acl.SUBSCRIBE_PATTERN, "$share/thieves/fleet/#"),
        (Acl.SUBSCRIBE_PATTERN, "$share/#"),
        (Acl.SEND, "$CONTROL/dynamic-security/v1"),
        (Acl.RECEIVE, "zephyr/broadcast"),
    ],
)
async def test_a_strangers_account_that_reaches_the_fleets_topics_is_found(
    provisioned: ProvisionedBroker, acltype: Acl, topic: str
) -> None:
    stranger = create_account(Account("stranger", "", ("odd",)), new_secret())
    found = await found_after(provisioned, role("odd", topic, acltype=acltype), stranger)
    assert found == [Opening("stranger", Way.FOREIGN, topic)]


async def test_an_account_that_is_named_as_trusted_is_not_told(
    provisioned: ProvisionedBroker,
) -> None:
    with (provisioned.home / "fleet.toml").open("a") as file:
        file.write('\n[acl]\ntrusted = ["root"]\n')
    admin = create_account(Account("root", "", ("everything",)), new_secret())
    assert await found_after(provisioned, role("everything", "#"), admin) == []


async def test_an_agent_that_left_the_list_and_kept_its_account_is_found(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("gamma")
    async with provisioned.enroller() as enroller:
        enroller._registry.revoke("gamma", 0.0)
    found = await found_after(provisioned)
    assert {(one.agent, one.way) for one in found} == {("gamma", Way.FOREIGN)}


async def test_rights_of_whoever_has_no_name_are_found(provisioned: ProvisionedBroker) -> None:
    found = await found_after(
        provisioned,
        role("readers", "fleet/#"),
        group("anybody", "readers"),
        {"command": "setAnonymousGroup", "groupname": "anybody"},
    )
    assert Opening("", Way.ANONYMOUS, "anybody") in found


async def test_a_right_more_of_the_hub_is_found(provisioned: ProvisionedBroker) -> None:
    more = {"rolename": "zephyr", "acltype": Acl.SEND.value, "topic": "$CONTROL/#"}
    found = await found_after(provisioned, {"command": "addRoleACL", **more, "allow": True})
    assert found == [Opening("zephyr", Way.ROLE, "zephyr")]
