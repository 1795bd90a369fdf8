"""Enrolment at a real broker under dynamic security."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.acl import proof
from fleet.acl.proof_report import Way
from fleet.bus.connect_options import ConnectOptions
from fleet.bus.raw_client import RawClient, Version
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.secret_file import write_secret
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning import acl_rules
from fleet.provisioning.connections import connection_as, dynsec_of
from fleet.provisioning.enrolment import Credential, NotProvenError
from fleet.provisioning.registry import Registry
from fleet.provisioning.secure_broker import secure
from tests.support.provisioned import ProvisionedBroker
from tests.support.waiting import eventually


def login(broker: ProvisionedBroker, credential: Credential, client_id: str = "alpha") -> RawClient:
    settings = broker.settings
    connection = connection_as(settings, credential.account, credential.secret, client_id)
    return RawClient(connection, Version.V5)


def by_certificate(broker: ProvisionedBroker, credential: Credential, folder: Path) -> RawClient:
    assert credential.issued is not None
    files = folder / "client.pem", folder / "client.key"
    files[0].write_text(credential.issued.certificate)
    files[1].write_text(credential.issued.key)
    url = BrokerUrl("localhost", broker.plan.mtls_port, tls=True)
    ca = broker.settings.home / "ca" / "ca.pem"
    options = ConnectOptions(url, "whatever", ca_file=ca, cert_file=files[0], key_file=files[1])
    return RawClient(options, Version.V5)


async def refused(visit: RawClient) -> bool:
    """Whether it is turned away. TLS 1.3 tells of a refused certificate after the handshake."""
    try:
        async with visit:
            return await visit.ended()
    except BrokerError:
        return True


async def test_an_enrolled_agent_reads_back_as_the_template_says(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    async with dynsec_of(provisioned.settings) as dynsec:
        account = await dynsec.account("alpha")
        role = await dynsec.role("agent-alpha")
        defaults = await dynsec.defaults()
    assert account is not None
    assert (account.client_id, account.roles) == ("alpha", ("agent-alpha",))
    assert role is not None
    assert set(role.rights) == set(acl_rules.agent(provisioned.settings.topics, "alpha").rights)
    assert defaults == {str(kind): allow for kind, allow in acl_rules.DEFAULTS.items()}
    assert set(Registry(provisioned.home).agents() or {}) == {"alpha"}


async def test_a_name_is_enrolled_once_and_never_the_fleets_own(
    provisioned: ProvisionedBroker,
) -> None:
    async with provisioned.enroller() as enroller:
        await enroller.add("alpha")
        taken = ("zephyr", "zephyr-admin", "acl-probe-1", "fleet-doctor")
        for name in ("alpha", *taken, "Alpha", "a/b"):
            with pytest.raises(ConfigError):
                await enroller.add(name)


async def test_an_account_that_is_there_already_is_not_taken_over(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    (provisioned.home / "agents.json").unlink()
    with pytest.raises(BrokerError, match="refused createRole"):
        await provisioned.enrol("alpha")


async def test_what_cannot_be_proven_is_taken_back(
    provisioned: ProvisionedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = acl_rules.agent
    async with provisioned.enroller() as enroller:
        with monkeypatch.context() as patch:
            too_much = acl_rules.Right(acl_rules.Acl.SUBSCRIBE_PATTERN, "#")
            patch.setattr(
                acl_rules,
                "agent",
                lambda topics, name: acl_rules.Role(
                    f"agent-{name}", (*real(topics, name).rights, too_much)
                ),
            )
            with pytest.raises(NotProvenError, match="everybody's commands"):
                await enroller.add("alpha")
        await enroller.add("alpha")


async def test_a_client_id_cannot_be_stolen(provisioned: ProvisionedBroker) -> None:
    credentials = await provisioned.enrol("alpha", "beta")
    async with login(provisioned, credentials["alpha"]) as victim:
        for stolen in ("alpha", "beta-2", ""):
            with pytest.raises(BrokerError):
                async with login(provisioned, credentials["beta"], stolen):
                    pass
        assert victim.alive


async def test_a_revoked_agent_is_kicked_at_once_and_leaves_nothing(
    provisioned: ProvisionedBroker,
) -> None:
    topics = provisioned.settings.topics
    credential = (await provisioned.enrol("alpha"))["alpha"]
    hub = connection_as(provisioned.settings, "zephyr", provisioned.settings.password())
    async with RawClient(hub, Version.V5) as watcher:
        connection = connection_as(provisioned.settings, "alpha", credential.secret, "alpha")
        async with RawClient(replace(connection, persistent=True), Version.V5) as agent:
            await agent.subscribe(topics.of(MessageKind.COMMAND, "alpha"))
            await agent.publish(topics.of(MessageKind.HEARTBEAT, "alpha"), b"{}", retain=True)
            async with provisioned.enroller() as enroller:
                await enroller.revoke("alpha")
                assert await agent.ended(), "and not with its next keep-alive"
        with pytest.raises(BrokerError):
            async with login(provisioned, credential):
                pass
        await watcher.publish(topics.of(MessageKind.COMMAND, "alpha"), b"waiting")
        await watcher.subscribe(topics.every(MessageKind.HEARTBEAT))
        await watcher.publish(topics.broadcast, b"barrier")
        assert watcher.received == []
    async with provisioned.enroller() as enroller:
        with pytest.raises(ConfigError, match="was revoked"):
            await enroller.add("alpha")
        again = await enroller.add("alpha", reuse=True)
    connection = connection_as(provisioned.settings, "alpha", again.secret, "alpha")
    async with RawClient(replace(connection, persistent=True), Version.V5) as agent:
        own = topics.of(MessageKind.COMMAND, "alpha")
        await agent.subscribe(own)
        async with RawClient(hub, Version.V5) as watcher:
            await watcher.publish(own, b"fresh")
        assert await agent.wait_for(b"fresh")
        assert [message.payload for message in agent.received] == [b"fresh"]


async def test_a_revoked_certificate_is_kicked_and_refused(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    async with provisioned.enroller() as enroller:
        credential = await enroller.add("alpha", certificate=True)
        assert credential.secret is None
        async with by_certificate(provisioned, credential, tmp_path) as agent:
            assert await agent.subscribe("fleet/alpha/command")
            assert not await agent.subscribe("fleet/+/command")
            await enroller.revoke("alpha")
            assert await agent.ended()
        assert await refused(by_certificate(provisioned, credential, tmp_path))
        again = await enroller.add("alpha", certificate=True, reuse=True)
        async with by_certificate(provisioned, again, tmp_path) as agent:
            assert await agent.subscribe("fleet/alpha/command")
        assert await refused(by_certificate(provisioned, credential, tmp_path))


async def test_a_certificate_whose_crl_nobody_reads_is_not_called_revoked(
    provisioned: ProvisionedBroker,
) -> None:
    async with provisioned.enroller() as enroller:
        await enroller.add("alpha", certificate=True)
        provisioned.plan.pid_file.unlink()
        with pytest.raises(NotProvenError, match="has not read it"):
            await enroller.revoke("alpha")
        assert "alpha" not in (Registry(provisioned.home).agents() or {})


async def test_a_rotation_keeps_the_old_secret_until_it_is_finished(
    provisioned: ProvisionedBroker,
) -> None:
    old = (await provisioned.enrol("alpha"))["alpha"]
    async with provisioned.enroller() as enroller, login(provisioned, old) as live:
        new = await enroller.rotate("alpha")
        assert live.alive
        with pytest.raises(ConfigError, match="is not finished"):
            await enroller.rotate("alpha")
        async with login(provisioned, new) as switched:
            assert await switched.subscribe("fleet/alpha/command")
            assert await enroller.finish("alpha") == ("alpha",)
            assert await switched.subscribe("fleet/alpha/receipt")
            assert switched.alive
        with pytest.raises(BrokerError):
            async with login(provisioned, old):
                pass
        assert (await enroller.rotate("alpha")).account == "alpha.3"


async def test_commands_that_waited_for_a_revoked_agent_are_gone(
    provisioned: ProvisionedBroker,
) -> None:
    own = provisioned.settings.topics.of(MessageKind.COMMAND, "alpha")
    credential = (await provisioned.enrol("alpha"))["alpha"]
    connection = connection_as(provisioned.settings, "alpha", credential.secret, "alpha")
    async with RawClient(replace(connection, persistent=True), Version.V5) as agent:
        await agent.subscribe(own)
    hub = connection_as(provisioned.settings, "zephyr", provisioned.settings.password())
    async with RawClient(hub, Version.V5) as sender, provisioned.enroller() as enroller:
        await sender.publish(own, b"waiting")
        await enroller.revoke("alpha")
        again = await enroller.add("alpha", reuse=True)
        connection = connection_as(provisioned.settings, "alpha", again.secret, "alpha")
        async with RawClient(replace(connection, persistent=True), Version.V5) as agent:
            await agent.subscribe(own)
            await sender.publish(own, b"fresh")
            assert await agent.wait_for(b"fresh")
            assert [message.payload for message in agent.received] == [b"fresh"]


async def test_a_certificate_is_rotated_with_both_valid_until_it_is_finished(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    async with provisioned.enroller() as enroller:
        old = await enroller.add("alpha", certificate=True)
        new = await enroller.rotate("alpha")
        for credential in (old, new):
            async with by_certificate(provisioned, credential, tmp_path) as agent:
                assert await agent.subscribe("fleet/alpha/command")
        assert old.issued is not None
        assert await enroller.finish("alpha") == (old.issued.serial,)
        # The broker reads the CRL in the next round of its loop.
        await eventually(lambda: refused(by_certificate(provisioned, old, tmp_path)))
        async with by_certificate(provisioned, new, tmp_path) as agent:
            assert await agent.subscribe("fleet/alpha/command")


async def test_an_account_that_somebody_deleted_by_hand_can_still_be_revoked(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    async with dynsec_of(provisioned.settings) as dynsec:
        await dynsec.run({"command": "deleteClient", "username": "alpha"})
    async with provisioned.enroller() as enroller:
        await enroller.revoke("alpha")
        await enroller.add("alpha", reuse=True)


async def test_a_broker_that_runs_already_is_brought_to_the_rules(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    """With an admin of its own, open defaults, and a hub account that may do too little."""
    settings = provisioned.settings
    foreign = tmp_path / "admin.password"
    write_secret(foreign, "of-the-owner")
    admin_role = {"rolename": "zephyr-admin"}
    async with dynsec_of(settings) as dynsec:
        owner = {"username": "owner", "password": "of-the-owner", "roles": [admin_role]}
        opened = [{"acltype": "publishClientReceive", "allow": True}]
        await dynsec.run(
            {"command": "createClient", **owner},
            {"command": "setDefaultACLAccess", "acls": opened},
            {"command": "deleteClient", "username": "zephyr"},
            {"command": "modifyRole", "rolename": "zephyr", "acls": []},
        )
    for path in (provisioned.plan.hub_password, provisioned.plan.admin_password):
        path.unlink()
    assert await secure(settings, "owner", foreign) == ["zephyr-admin", "zephyr"]
    found = await proof.prove(settings)
    assert {(opening.agent, opening.way) for opening in found} == {("owner", Way.FOREIGN)}
    trusting = replace(settings, tables={**settings.tables, "acl": {"trusted": ["owner"]}})
    assert await proof.prove(trusting) == []
    await provisioned.enrol("alpha")
