"""A home that an older version made: its roles lack the topics of tasks. Nothing is hurt, it is
told, and `fleet acl update` mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.acl import proof
from fleet.acl.proof_report import ProofReport
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning import acl_rules, role_update
from fleet.provisioning.acl_rules import Acl, Right, Role
from fleet.provisioning.connections import connection_as, dynsec_of
from fleet.provisioning.dynsec import Command
from fleet.provisioning.enrolment import Credential
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import environment, fleet

TOPICS = Topics()
NEW = {MessageKind.TASK, MessageKind.PROGRESS}


def of_before(role: Role) -> Role:
    """The role as the version before this made it."""
    return Role(role.name, tuple(r for r in role.rights if r.topic.split("/")[-1] not in NEW))


async def older(broker: ProvisionedBroker, *agents: str) -> dict[str, Credential]:
    """Enrol `agents`, and give every role what an older version gave it."""
    credentials = await broker.enrol(*agents)
    roles = [acl_rules.hub(TOPICS), *(acl_rules.agent(TOPICS, name) for name in agents)]
    commands: list[Command] = [
        {"command": "modifyRole", **of_before(role).document()} for role in roles
    ]
    async with dynsec_of(broker.settings) as dynsec:
        await dynsec.run(*commands)
    return credentials


async def examined(broker: ProvisionedBroker) -> ProofReport:
    report = ProofReport()
    await proof.examine(broker.settings, report)
    return report


async def may(broker: ProvisionedBroker, credential: Credential) -> tuple[bool, bool]:
    """Whether the agent may read its tasks, and publish its progress."""
    name = credential.agent
    options = connection_as(broker.settings, credential.account, credential.secret or "", name)
    async with RawClient(options, Version.V5) as client:
        reads = await client.subscribe(TOPICS.of(MessageKind.TASK, name))
        return reads, await client.publish(TOPICS.of(MessageKind.PROGRESS, name), b"{}")


async def test_older_roles_are_narrower_and_no_opening_and_one_call_mends_them(
    provisioned: ProvisionedBroker,
) -> None:
    credentials = await older(provisioned, "alpha", "beta")
    environ = environment(provisioned.home)
    assert await may(provisioned, credentials["alpha"]) == (False, False)

    report = await examined(provisioned)
    assert report.openings == []
    assert report.lacking == ["zephyr", "agent-alpha", "agent-beta"]
    assert "share $share/acl-proof/fleet/+/task" in report.untried

    async with dynsec_of(provisioned.settings) as dynsec:
        changes = await role_update.pending(provisioned.settings, dynsec)
    assert [change.role.name for change in changes] == ["zephyr", "agent-alpha", "agent-beta"]
    assert all(change.narrower for change in changes)

    findings = json.loads(fleet("doctor", "-o", "json", environ=environ).stdout)["findings"]
    [found] = [one for one in findings if one["check"] == "rights"]
    assert (found["level"], found["try"]) == ("warning", "fleet acl update")
    assert "3 roles (zephyr, agent-alpha, agent-beta)" in found["said"]

    dry = fleet("acl", "update", "--dry-run", environ=environ)
    assert dry.returncode == 0
    assert "3 roles would be changed" in dry.stderr
    done = fleet("acl", "update", "-o", "json", environ=environ)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["changed"]
    alpha = next(role for role in answer["roles"] if role["role"] == "agent-alpha")
    assert ["publishClientSend", "fleet/alpha/progress"] in alpha["lacks"]
    assert alpha["beyond"] == []

    assert await may(provisioned, credentials["alpha"]) == (True, True)
    again = fleet("acl", "update", environ=environ)
    assert (again.stdout, again.returncode) == ("", 0)
    assert "0 roles were changed" in again.stderr
    findings = json.loads(fleet("doctor", "-o", "json", environ=environ).stdout)["findings"]
    assert [one["level"] for one in findings if one["check"] == "rights"] == ["ok"]
    report = await examined(provisioned)
    assert (report.openings, report.lacking, report.untried) == ([], [], [])


async def test_a_role_with_more_than_its_template_is_critical_and_cut_back(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    right = {"rolename": "agent-alpha", "acltype": Acl.SEND.value, "topic": "fleet/beta/command"}
    async with dynsec_of(provisioned.settings) as dynsec:
        await dynsec.run({"command": "addRoleACL", **right, "allow": True})
    environ = environment(provisioned.home)
    findings = json.loads(fleet("doctor", "-o", "json", environ=environ).stdout)["findings"]
    assert [one["level"] for one in findings if one["check"] == "rights"] == ["critical"]
    assert fleet("acl", "update", environ=environ).returncode == 0
    assert await proof.prove(provisioned.settings) == []


def test_what_is_narrower_and_what_is_not() -> None:
    role = acl_rules.hub(TOPICS)
    deny = next(right for right in role.rights if not right.allow)

    def narrower(*rights: Right) -> bool:
        [change] = role_update.changes([role], {role.name: rights})
        return change.narrower

    assert narrower(*of_before(role).rights)
    assert not narrower(*role.rights, Right(Acl.SEND, "fleet/+/chat"))
    assert narrower(*role.rights, Right(Acl.SEND, "fleet/+/chat", allow=False))
    assert not narrower(*(right for right in role.rights if right != deny))
    assert role_update.changes([role], {role.name: tuple(reversed(role.rights))}) == []
    assert role_update.changes([role], {})[0].missing


@pytest.mark.parametrize("kind", ["nats", "emqx", "other"])
def test_where_fleet_makes_no_accounts_it_prints_what_they_need(tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "fleet.toml").write_text(f'broker_kind = "{kind}"\n')
    environ = environment(home)
    assert fleet("agent", "add", "alpha", environ=environ).returncode == 0
    done = fleet("acl", "update", environ=environ)
    assert done.returncode == 1
    assert "alpha" in done.stdout
    assert "by hand" in done.stderr
    assert "Traceback" not in done.stderr
