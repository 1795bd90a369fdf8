"""The ACL proof: green on our own configuration, red for everything opened on purpose."""

from __future__ import annotations

import asyncio

import pytest

from fleet.acl import proof
from fleet.acl.proof_report import Opening, ProofReport, Way
from fleet.acl.prover import INTRUDER, Prover
from fleet.contract.errors import ConfigError
from fleet.provisioning.acl_rules import Acl
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.dynsec import Command
from fleet.provisioning.enrolment import Credential
from tests.support.provisioned import ProvisionedBroker

ROLE = "agent-alpha"


async def examine_as(
    broker: ProvisionedBroker, credential: Credential, victims: list[str]
) -> ProofReport:
    """Try everything with this agent's own credential, against `victims` (at least one)."""
    report = ProofReport()
    async with dynsec_of(broker.settings) as dynsec:
        await Prover(broker.settings, dynsec, credential, victims, report).run()
    return report


async def opened(broker: ProvisionedBroker, *commands: Command, victims: int = 1) -> list[Opening]:
    """What the proof finds with alpha's own credential after `commands`."""
    credentials = await broker.enrol("alpha", *(f"victim-{n}" for n in range(victims)))
    async with dynsec_of(broker.settings) as dynsec:
        await dynsec.run(*commands)
    report = await examine_as(
        broker, credentials["alpha"], [name for name in credentials if name != "alpha"]
    )
    return report.openings


def allow(acltype: Acl, topic: str, role: str = ROLE) -> Command:
    return {
        "command": "addRoleACL",
        "rolename": role,
        "acltype": acltype.value,
        "topic": topic,
        "allow": True,
    }


async def test_twenty_agents_can_do_nothing_they_must_not(provisioned: ProvisionedBroker) -> None:
    credentials = await provisioned.enrol(*(f"agent-{number:02}" for number in range(20)))
    attempts = 0
    for name, credential in credentials.items():
        others = [other for other in credentials if other != name]
        report = await examine_as(provisioned, credential, others)
        assert report.openings == []
        attempts += report.attempts
    assert attempts > 20 * 2 * (2 * 100 + 100)


async def test_the_proof_with_its_own_agents_is_green_and_leaves_nothing(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    for _ in range(2):
        report = proof.ProofReport()
        await proof.examine(provisioned.settings, report)
        assert report.openings == []
    async with dynsec_of(provisioned.settings) as dynsec:
        assert sorted(await dynsec.accounts()) == ["alpha", "zephyr", "zephyr-admin"]


@pytest.mark.parametrize(
    ("ways", "topic", "commands"),
    [
        (
            {Way.PUBLISH, Way.RETAIN, Way.WILL},
            "fleet/victim-0/heartbeat",
            [allow(Acl.SEND, "fleet/victim-0/heartbeat")],
        ),
        (
            {Way.PUBLISH, Way.RETAIN, Way.WILL},
            "fleet/alpha/command",
            [allow(Acl.SEND, "fleet/alpha/#")],
        ),
        (
            {Way.PUBLISH, Way.RETAIN, Way.WILL},
            "zephyr/broadcast",
            [allow(Acl.SEND, "zephyr/broadcast")],
        ),
        (
            {Way.SUBSCRIBE},
            "fleet/victim-0/status",
            [
                allow(Acl.SUBSCRIBE, "fleet/victim-0/status"),
                allow(Acl.RECEIVE, "fleet/victim-0/status"),
            ],
        ),
        ({Way.SUBSCRIBE}, "#", [allow(Acl.SUBSCRIBE_PATTERN, "#"), allow(Acl.RECEIVE, "#")]),
        (
            {Way.SUBSCRIBE},
            "$SYS/#",
            [allow(Acl.SUBSCRIBE_PATTERN, "$SYS/#"), allow(Acl.RECEIVE, "$SYS/#")],
        ),
        (
            {Way.SHARE},
            "$share/acl-proof/fleet/+/heartbeat",
            [allow(Acl.SUBSCRIBE_PATTERN, "$share/#")],
        ),
        ({Way.CONTROL}, "$CONTROL/dynamic-security/v1", [allow(Acl.SEND, "$CONTROL/#")]),
        (
            {Way.CLIENT_ID},
            "victim-0",
            [{"command": "modifyClient", "username": "alpha", "clientid": ""}],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_opened_on_purpose_is_found(
    provisioned: ProvisionedBroker, ways: set[Way], topic: str, commands: list[Command]
) -> None:
    openings = await opened(provisioned, *commands)
    assert {o.way for o in openings if o.topic == topic} == ways
    assert {o.version for o in openings if o.topic == topic} == {"3.1.1", "5"}
    async with dynsec_of(provisioned.settings) as dynsec:
        assert INTRUDER not in await dynsec.accounts()


async def test_an_anonymous_group_is_found(provisioned: ProvisionedBroker) -> None:
    config = provisioned.plan.config_file
    provisioned.stop()
    config.write_text(config.read_text().replace("anonymous false", "anonymous true"))
    provisioned.start()
    openings = await opened(provisioned)
    assert {o.way for o in openings} == {Way.ANONYMOUS}


async def test_a_role_that_differs_from_the_proven_one_is_found(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha", "beta")
    unbound = {"command": "modifyClient", "username": "beta", "clientid": ""}
    receive = {
        "command": "setDefaultACLAccess",
        "acls": [{"acltype": Acl.RECEIVE.value, "allow": True}],
    }
    async with dynsec_of(provisioned.settings) as dynsec:
        await dynsec.run(allow(Acl.SEND, "fleet/beta/status"), unbound, receive)
    found = await proof.prove(provisioned.settings)
    assert {(o.agent, o.way) for o in found} == {
        ("alpha", Way.ROLE),
        ("beta", Way.ROLE),
        ("", Way.DEFAULTS),
    }


async def test_two_proofs_do_not_disturb_one_another(provisioned: ProvisionedBroker) -> None:
    both = await asyncio.gather(
        proof.prove(provisioned.settings),
        proof.prove(provisioned.settings),
        return_exceptions=True,
    )
    assert both[0] == []
    assert isinstance(both[1], ConfigError)
    assert await proof.prove(provisioned.settings) == []
