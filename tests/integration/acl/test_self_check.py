"""The hub's own proof of its broker: it alerts, and leaves no trace of itself."""

from __future__ import annotations

import asyncio

from fleet.acl.self_check import SelfCheck
from fleet.contract.vocabulary import HubAlertCode
from fleet.hub.committer import HUB
from fleet.hub.hub import Hub
from fleet.provisioning.acl_rules import Acl
from fleet.provisioning.connections import dynsec_of
from fleet.store.sqlite import SqliteStore
from tests.support.provisioned import ProvisionedBroker
from tests.support.waiting import eventually


async def test_an_opened_acl_raises_acl_open_and_closing_it_resolves_it(
    provisioned: ProvisionedBroker,
) -> None:
    await provisioned.enrol("alpha")
    store = SqliteStore(provisioned.home)
    hub = Hub(provisioned.settings, store)
    check = SelfCheck(hub)
    running = asyncio.create_task(hub.run(), name="hub")
    await eventually(lambda: hub.started_at, what="the hub's start")

    def open_now() -> bool:
        return hub.committer.book.fires(HUB, HubAlertCode.ACL_OPEN)

    await check.check()
    assert not open_now()
    right = {"rolename": "agent-alpha", "acltype": Acl.SEND.value, "topic": "fleet/beta/command"}
    async with dynsec_of(provisioned.settings) as dynsec:
        await dynsec.run({"command": "addRoleACL", **right, "allow": True})
        await check.check()
        assert open_now()
        await dynsec.run({"command": "removeRoleACL", **right})
        await check.check()
        assert not open_now()
    assert not set(hub.roster.names()) - {"alpha"}
    assert hub.counters.rejected.total() == 0
    assert await store.dead_letters(before=None, limit=10) == []
    hub.stop()
    await running


async def test_without_the_admins_password_the_service_rests(
    provisioned: ProvisionedBroker,
) -> None:
    provisioned.plan.admin_password.unlink()
    hub = Hub(provisioned.settings, SqliteStore(provisioned.home))
    await SelfCheck(hub, first=0).run()
