"""Threats 1, 2, 6, 7: what an enrolled agent can do that it must not, with its own account."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path

from fleet.contract.timestamps import timestamp, ulid
from fleet.provisioning.connections import dynsec_of
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until
from tests.trials.world import Client, Finding, World, beat, metric, world

FORBIDDEN = (
    "fleet/ada/heartbeat", "fleet/ada/status", "fleet/ada/alert", "fleet/ada/command",
    "fleet/ada/receipt", "fleet/mallory/command", "fleet/mallory/receipt", "zephyr/broadcast",
    "$CONTROL/dynamic-security/v1", "$SYS/broker/publish/messages/dropped", "$share/hub/fleet/x",
    "fleet/mallory", "fleet/mallory/heartbeat/", "fleet/mallory/heartbeat/x", "/fleet/ada/status",
    "fleet//heartbeat", "Fleet/ada/status", "fleet/ada /status", "fleet/mallory/../ada/status",
    "fleet/%u/status", "fleet/ada\u200b/status", "x",
)  # fmt: skip
FILTERS = (
    "#", "+/+/+", "fleet/#", "fleet/+/command", "fleet/ada/command", "fleet/ada/#", "fleet/+/#",
    "fleet/mallory/#", "fleet/mallory/status", "+/mallory/command", "$share/g/#",
    "$share/hub/fleet/+/heartbeat", "$share/x/fleet/mallory/command", "$SYS/#", "$CONTROL/#",
    "$CONTROL/dynamic-security/v1/response", "zephyr/#", "zephyr/+", "$share/x/zephyr/broadcast",
)  # fmt: skip


def forbidden(folder: Path) -> list[Finding]:
    with world(folder) as here:
        return [_publishes(here), _wills(here), _subscriptions(here), _identities(here)]


def _rejected(here: World) -> float:
    names = ("fleet_bus_rejects_total", "fleet_bus_messages_total")
    return sum(metric(here.hub, name) for name in names)


def _publishes(here: World) -> Finding:
    with here.client("ada") as ada, here.client("mallory") as mallory:
        ada.subscribe("fleet/ada/command")
        ada.subscribe("fleet/ada/receipt")
        ada.subscribe("zephyr/broadcast")
        before, codes = _rejected(here), []
        for topic in FORBIDDEN:
            for given in ({}, {"retain": True}, {"TopicAlias": 1}):
                payload = json.dumps({"verb": "config-reload", "id": ulid(time.time()),
                                      "ts": timestamp(time.time())}).encode()  # fmt: skip
                codes.append(mallory.publish(topic, payload, **given))
        control = mallory.publish("fleet/mallory/heartbeat", beat())
        wait_until(lambda: _rejected(here) > before, what="the control")
        time.sleep(1)
        reached, heard = _rejected(here) - before - 1, len(ada.heard)
    denied = sum(code >= 128 for code in codes)
    gave = (
        f"{denied} of {len(codes)} refused by reason code; {reached:.0f} reached the hub, {heard}"
        f" reached ada; the agent's own heartbeat: code {control}"
    )
    held = denied == len(codes) and not reached and not heard
    tried = "publishes to topics of others, of the hub and of the broker, plain, retained, by alias"
    return Finding("1. ACL misconfiguration", tried, gave, held)


def _wills(here: World) -> Finding:
    before = _rejected(here)
    count = 0
    with here.client("ada") as ada:
        ada.subscribe("fleet/ada/command")
        ada.subscribe("zephyr/broadcast")
        for topic in FORBIDDEN[:14]:
            will = (topic, b'{"state":"offline","ts":"2026-01-01T00:00:00Z"}')
            with here.client("mallory", will=will) as mallory:
                count += 1
                mallory.cut()
        time.sleep(2)
        heard = len(ada.heard)
    reached = _rejected(here) - before
    gave = f"{reached:.0f} of {count} reached the hub, {heard} reached ada"
    tried = "last wills on topics of others, each by a connection that is cut"
    return Finding("1. ACL misconfiguration", tried, gave, not reached and not heard)


def _subscriptions(here: World) -> Finding:
    with here.client("mallory") as mallory, here.client("ada") as ada:
        granted = [name for name in FILTERS if mallory.subscribe(name) < 128]
        for number in range(20):
            ada.publish("fleet/ada/heartbeat", beat(number))
        here.hub.ask("POST", "/v1/send", "operator", {"verb": "health-check", "to": ["ada"]})
        wait_until(lambda: _agent(here, "ada"), what="the honest agent")
        time.sleep(1)
        foreign = [topic for topic, _ in mallory.heard if "mallory" not in topic]
        foreign = [topic for topic in foreign if topic != "zephyr/broadcast"]
    gave = (
        f"{len(granted)} of {len(FILTERS)} granted ({', '.join(granted) or 'none'}); {len(foreign)}"
        " foreign messages delivered; the hub missed none of ada's"
    )
    tried = "filters of others, wildcards, `$share` with the hub's topics, `$SYS`, `$CONTROL`"
    return Finding("1. ACL misconfiguration", tried, gave, not foreign)


def _agent(here: World, name: str) -> bool:
    agents = here.hub.get("/v1/agents")["agents"]
    return any(one["agent"] == name and one["state"] == "ok" for one in agents)


def _identities(here: World) -> Finding:
    mallory = here.credentials["mallory"]
    port = here.broker.plan.local_port
    answers = []
    for name in ("ada", "zephyr", "fleet", "", "mallory2", "admin", "mallory/x"):
        with Client(port, name, mallory.account, mallory.secret) as client:
            answers.append(client.answer)
    for user in ("ada", here.credentials["ada"].account, "zephyr", "admin"):
        with Client(port, "mallory", user, mallory.secret) as client:
            answers.append(client.answer)
    with Client(port, "mallory") as client:
        answers.append(client.answer)
    taken = sum(answer == "Success" for answer in answers)
    tried = "client ids and accounts of others, none, and no credential, with mallory's secret"
    gave = f"{taken} of {len(answers)} taken in ({', '.join(sorted(set(answers)))})"
    return Finding("6. Spoofing", tried, gave, taken == 0)


def packets(folder: Path) -> Finding:
    """Bytes that are no UTF-8, in each text of a CONNECT and a PUBLISH, through the broker."""
    with world(folder) as here:
        account = here.credentials["mallory"]
        assert account.secret
        count = 0
        for first in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\xef\xbf\xbf", b"\x01"):
            for place in range(5):
                with socket.create_connection(("127.0.0.1", here.broker.plan.local_port), 5) as raw:
                    raw.settimeout(1)
                    raw.sendall(_connect("mallory", account.account, account.secret))
                    raw.recv(100)
                    raw.sendall(_publish(first, place))
                    count += 1
                    try:
                        raw.recv(100)
                    except OSError:
                        continue
        time.sleep(1)
        alive = here.hub.ask("GET", "/readyz", None)[0]
        losses = metric(here.hub, "fleet_link_losses_total")
        traces = here.hub.log.read_text().count("Traceback")
    gave = f"{losses:.0f} losses of the hub's link, {traces} tracebacks in its log; ready: {alive}"
    tried = f"{count} raw packets of an agent with text that is none, in topic and properties"
    return Finding("9. Denial of service", tried, gave, not losses and not traces and alive == 200)


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def _packet(first: int, body: bytes) -> bytes:
    assert len(body) < 16_384
    size = bytes([len(body) % 128 | (128 if len(body) > 127 else 0)])
    return bytes([first]) + size + (bytes([len(body) // 128]) if len(body) > 127 else b"") + body


def _connect(name: str, user: str, secret: str) -> bytes:
    body = _text(b"MQTT") + b"\x05\xc2\x00\x3c\x00" + _text(name.encode())
    return _packet(0x10, body + _text(user.encode()) + _text(secret.encode()))


def _publish(bad: bytes, place: int) -> bytes:
    topic = b"fleet/mallory/status" + (bad if place == 0 else b"")
    properties = (
        b"", b"\x26" + _text(b"k" + bad) + _text(b"v"), b"\x26" + _text(b"k") + _text(b"v" + bad),
        b"\x03" + _text(bad), b"\x08" + _text(b"r" + bad),
    )[place]  # fmt: skip
    return _packet(0x32, _text(topic) + b"\0\x01" + bytes([len(properties)]) + properties + b"{}")


def forged(folder: Path) -> Finding:
    """On a broker that was opened: notices, receipts and commands that the hub did not sign."""
    with world(folder) as here:
        asyncio.run(_open(here))
        credential = here.credentials["ada"]
        secret = folder / "secret"
        secret.write_text(f"{credential.secret}\n")
        secret.chmod(0o600)
        keys = here.broker.home / "keys" / "commands.pub"
        url = f"mqtt://{credential.account}@127.0.0.1:{here.broker.plan.local_port}"
        sidecar = Sidecar(
            folder / "side", url, "ada",
            FLEET_PASSWORD_FILE=str(secret), FLEET_COMMAND_KEYS=str(keys),
            FLEET_RELOAD=f"touch {folder / 'reloaded'}",
        ).start()  # fmt: skip
        try:
            wait_until(lambda: _agent(here, "ada"), 60, "ada")
            with here.client("mallory") as mallory:
                for number in range(200):
                    now = time.time()
                    stamp = {"ts": timestamp(now), "id": ulid(now)}
                    fake = {"sig": "A" * 86, "kid": "0" * 8}
                    order = {"verb": "config-reload", **stamp, **(fake if number % 2 else {})}
                    payload = json.dumps(order).encode()
                    mallory.publish("fleet/ada/command", payload, retain=number % 5 == 0)
                    mallory.publish("fleet/ada/receipt", json.dumps(
                        {"boot": int(now * 1000) + number, "seq": 10**6}).encode())  # fmt: skip
                    mallory.publish("zephyr/broadcast", json.dumps(
                        {"notice": "maintenance-begin", **stamp}).encode())  # fmt: skip
                mallory.publish("fleet/ada/command", b"", retain=True)
            time.sleep(2)
            alive = _agent(here, "ada")
            silences = len(here.hub.get("/v1/silences").get("silences", []))
            reloaded = (folder / "reloaded").exists()
            traces = sidecar.log.read_text().count("Traceback")
        finally:
            sidecar.stop()
    gave = (
        f"{int(reloaded)} reloads, {silences} silences at the hub, {traces} tracebacks; ada is"
        f" {'well' if alive else 'not well'} afterwards"
    )
    tried = "600 forged commands (also retained), receipts and notices on a broker that was opened"
    return Finding(
        "2. Command injection", tried, gave, alive and not (reloaded or silences or traces)
    )


async def _open(here: World) -> None:
    """What an operator who errs does: mallory may publish everything."""
    account = here.credentials["mallory"].account
    async with dynsec_of(here.broker.settings) as dynsec:
        found = await dynsec.account(account)
        assert found is not None
        await dynsec.run(
            {"command": "addRoleACL", "rolename": found.roles[0], "priority": 100,
             "acltype": "publishClientSend", "topic": "#", "allow": True}
        )  # fmt: skip
