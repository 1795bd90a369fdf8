"""Revoked means revoked everywhere and at once; each place is told as done or not, and what was not
done the first time is done by the same command again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fleet.bus.raw_client import RawClient, Version
from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import FROM_AGENT
from fleet.provisioning.connections import connection_as, dynsec_of
from fleet.provisioning.enrolment import Credential
from fleet.provisioning.registry import Registry
from fleet.tokens import Principal, Tokens
from tests.support.broker import Mosquitto
from tests.support.prometheus import Webhook
from tests.support.provisioned import ProvisionedBroker
from tests.support.served import Served, environment, fleet
from tests.support.told import is_noted, route_to, told
from tests.support.waiting import eventually

FULL = ("disk-pressure", "firing", "alpha")
OVER = ("disk-pressure", "resolved", "alpha")


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def hub(provisioned: ProvisionedBroker, webhook: Webhook) -> Iterator[Served]:
    route_to(webhook, provisioned.home)
    broker = cast("Mosquitto", SimpleNamespace(url=str(provisioned.settings.broker)))
    served = Served(provisioned.home, broker).start()
    yield served
    served.stop()


async def run(hub: Served, *arguments: str, code: int = 0) -> Any:
    """The JSON that `fleet agent ARGUMENTS` prints."""
    done = await asyncio.to_thread(fleet, "agent", *arguments, "-o", "json", environ=hub.environ)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def undone(report: Any) -> list[str]:
    return [step["what"] for step in report["steps"] if not step["done"]]


def login(provisioned: ProvisionedBroker, credential: Credential) -> RawClient:
    account = credential.account
    options = connection_as(provisioned.settings, account, credential.secret, credential.agent)
    return RawClient(options, Version.V5)


def as_hub(provisioned: ProvisionedBroker) -> RawClient:
    settings = provisioned.settings
    return RawClient(connection_as(settings, "zephyr", settings.password()), Version.V5)


async def speak(client: RawClient, name: str, **fields: Any) -> None:
    beat = {"ok": True, "ts": timestamp(time.time()), "interval": 60, **fields}
    assert await client.publish(f"fleet/{name}/heartbeat", json.dumps(beat).encode(), retain=True)


async def complain(client: RawClient, name: str) -> None:
    alert = {"code": "disk-pressure", "severity": "critical", "state": "firing"}
    payload = json.dumps(alert | {"ts": timestamp(time.time())}).encode()
    assert await client.publish(f"fleet/{name}/alert", payload, retain=True)


def states(hub: Served) -> dict[str, str]:
    return {agent["agent"]: agent["state"] for agent in hub.get("/v1/agents")["agents"]}


async def retained(provisioned: ProvisionedBroker, name: str) -> list[str]:
    async with as_hub(provisioned) as watcher:
        for kind in FROM_AGENT:
            await watcher.subscribe(f"fleet/{name}/{kind}")
        await watcher.subscribe("zephyr/broadcast")
        await watcher.publish("zephyr/broadcast", b"barrier")
        assert await watcher.wait_for(b"barrier")
        return [message.topic for message in watcher.received if message.retain]


@pytest.mark.timeout(240)
async def test_a_revoked_agent_has_no_way_in_and_leaves_nothing(
    provisioned: ProvisionedBroker, hub: Served, webhook: Webhook
) -> None:
    credential = (await provisioned.enrol("alpha"))["alpha"]
    token, _ = Tokens(hub.home).create(Principal.parse("agent:alpha"), "2026-01-01T00:00:00Z")
    beat = {"ok": True, "ts": timestamp(time.time())}
    async with login(provisioned, credential) as agent:
        await speak(agent, "alpha", metrics={"load": 1})
        await complain(agent, "alpha")
        await eventually(lambda: FULL in told(webhook), what="the news of the full disk")
        assert hub.ask("POST", "/v1/publish/heartbeat", token, beat)[0] == 202
        report = await run(hub, "revoke", "alpha")
        assert undone(report) == []
        assert {"HTTP tokens", "account", "role and ACL", "connection", "retained messages"} <= {
            step["what"] for step in report["steps"]
        }
        said = {step["what"]: step["detail"] for step in report["steps"]}
        assert said["state, series, silences"] == "forgotten", "also where the list was first"
        assert said["alerts that were told"] == "1: their end is told"
        assert await agent.ended()
    with pytest.raises(BrokerError):
        async with login(provisioned, credential):
            pass
    assert hub.ask("POST", "/v1/publish/heartbeat", token, beat)[0] == 401
    assert hub.ask("GET", "/v1/inbox", token)[0] == 401
    assert await retained(provisioned, "alpha") == []
    assert states(hub) == {}
    assert "alpha" not in hub.get("/metrics", "viewer")
    await eventually(lambda: OVER in told(webhook), what="the news that it is over")
    hub.kill()
    hub.start()
    assert states(hub) == {}
    # Told a moment before the kill, its end may be stored untold: it goes with the next look.
    await eventually(lambda: not hub.get("/v1/alerts?history=true")["alerts"], what="its end")

    # What still arrives under its name is a ghost, seen to be one, and none of what it was.
    async with as_hub(provisioned) as forger:
        await speak(forger, "alpha")
        await eventually(lambda: states(hub) == {"alpha": "ghost"}, what="the ghost")
        assert hub.get("/v1/agents/alpha")["metrics"] == {}
        assert [one["code"] for one in hub.get("/v1/alerts")["alerts"]] == ["agent-ghost"]
        hub.stop()
        hub.start()
        assert states(hub) == {"alpha": "ghost"}
    await run(hub, "forget", "alpha", "--yes")
    assert states(hub) == {}
    assert undone(await run(hub, "revoke", "alpha")) == [], "a second time there is nothing to do"


@pytest.mark.timeout(180)
async def test_a_successor_inherits_nothing_though_no_hub_saw_the_change(
    provisioned: ProvisionedBroker, hub: Served, webhook: Webhook
) -> None:
    credential = (await provisioned.enrol("alpha"))["alpha"]
    async with login(provisioned, credential) as agent:
        await complain(agent, "alpha")
        await eventually(lambda: FULL in told(webhook), what="the news of the full disk")
        await eventually(
            lambda: is_noted(hub.home, "alpha", "disk-pressure"), what="the note of it"
        )
        hub.kill()
        await speak(agent, "alpha", metrics={"load": 1})  # waits at the broker for the hub
        await run(hub, "revoke", "alpha")
    await run(hub, "add", "alpha", "--reuse")
    hub.start()
    await eventually(lambda: OVER in told(webhook), what="the news that it is over")
    await eventually(lambda: states(hub) == {"alpha": "unknown"}, what="a new agent")
    assert hub.get("/v1/alerts")["alerts"] == []


async def test_what_the_broker_did_not_take_is_told_and_done_by_the_same_command_again(
    provisioned: ProvisionedBroker, tmp_path: Path
) -> None:
    async with provisioned.enroller() as enroller:
        await enroller.add("alpha", certificate=True)
        await enroller.add("beta")
    hub = cast("Served", SimpleNamespace(environ=environment(provisioned.home)))
    Tokens(provisioned.home).create(Principal.parse("agent:alpha"), "2026-01-01T00:00:00Z")
    pid_file = provisioned.plan.pid_file
    away = pid_file.rename(tmp_path / "away")
    assert undone(await run(hub, "revoke", "alpha", code=3)) == ["certificate"]
    assert Tokens(provisioned.home).of_agent("alpha") == []
    away.rename(pid_file)
    assert undone(await run(hub, "revoke", "alpha")) == []

    provisioned.stop()
    report = await run(hub, "revoke", "beta", code=3)
    assert undone(report) == ["account, role and connection", "retained messages"]
    assert "beta" not in (Registry(provisioned.home).agents() or {})
    provisioned.start()
    assert undone(await run(hub, "revoke", "beta")) == []
    async with dynsec_of(provisioned.settings) as dynsec:
        assert await dynsec.account("beta") is None


@pytest.mark.timeout(180)
async def test_a_renamed_agent_keeps_its_history_and_its_old_name_opens_nothing(
    provisioned: ProvisionedBroker, hub: Served
) -> None:
    async with provisioned.enroller() as enroller:
        old = await enroller.add("alpha", labels={"site": "lab"}, groups=("edge",))
    token, _ = Tokens(hub.home).create(Principal.parse("agent:alpha"), "2026-01-01T00:00:00Z")
    async with login(provisioned, old) as agent:
        await speak(agent, "alpha")
        await eventually(lambda: states(hub) == {"alpha": "ok"}, what="its heartbeat")
        made = await run(hub, "rename", "alpha", "beta")
        assert made["account"] == "beta"
        assert agent.alive
        new = Credential("beta", "beta", made["secret"])
        async with login(provisioned, new) as renamed:
            await speak(renamed, "beta")
            await eventually(lambda: states(hub).get("beta") == "ok", what="its new name")
            assert undone(await run(hub, "rename", "alpha", "beta", "--wait", "20")) == []
            assert (Registry(hub.home).agents() or {})["beta"].succeeds == ""
            assert await agent.ended()
            assert renamed.alive
    with pytest.raises(BrokerError):
        async with login(provisioned, old):
            pass
    assert states(hub) == {"beta": "ok"}
    assert hub.get("/v1/agents/beta")["labels"] == {"site": "lab", "group": "edge"}
    assert len(hub.get("/v1/history?agent=beta")["messages"]) == 2
    beat = {"ok": True, "ts": timestamp(time.time())}
    assert hub.ask("POST", "/v1/publish/heartbeat", token, beat)[1]["agent"] == "beta"
    hub.kill()
    hub.start()
    assert states(hub) == {"beta": "ok"}
