"""R15: alerts reach whoever can be reached, while other receivers fail and the hub is killed.

Waves of critical alerts, one of each agent a wave; the hub is killed at random moments.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from pathlib import Path
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fleet.contract.timestamps import timestamp
from tests.chaos.scenario import Finding, Scenario, percentile
from tests.chaos.world import World
from tests.support.broker import free_port
from tests.support.receivers import Receiver
from tests.support.waiting import wait_until

CODES: Final = ("process-down", "endpoint-down", "restart-loop", "config-invalid", "auth-failure")
PAUSE: Final = 9.0
"""Seconds between waves: more than alerts wait, so each is told by itself."""

IN_TIME: Final = 30.0
SETTLING: Final = 90.0


def run(folder: Path, short: bool) -> Finding:
    agents = [f"a{number}" for number in range(40 if short else 200)]
    kills, codes = (1, CODES[:2]) if short else (2, CODES)
    busy = iter([429] * 3)
    whole, other = Receiver(lambda _: 200), Receiver(lambda _: 200)
    hangs = Receiver(lambda _: 0)
    picky = Receiver(lambda message: 400 if message["code"] == CODES[0] else 200)
    limited = Receiver(lambda _: next(busy, 200))
    receivers = {"whole": whole, "other": other, "hangs": hangs, "picky": picky, "busy": limited}
    addresses = {name: one.url for name, one in receivers.items()}
    addresses["gone"] = f"http://127.0.0.1:{free_port()}"
    said: dict[tuple[str, str], float] = {}
    with World(folder) as world, contextlib.ExitStack() as stack:
        for one in receivers.values():
            stack.callback(one.close)
        _configure(world.hub.home, addresses)
        world.hub.start()
        plain = _linked(world.broker.port)
        stack.callback(plain.loop_stop)
        for code in codes:
            _wave(plain, agents, code, said)
            for _ in range(kills):
                time.sleep(random.uniform(0.5, PAUSE / kills))
                world.hub.kill()
                world.hub.start()
            time.sleep(1.0)
        healthy = [whole, other, limited]
        with contextlib.suppress(AssertionError):  # the comparison says what is missing
            wait_until(lambda: all(said.keys() <= one.told().keys() for one in healthy), SETTLING)
            wait_until(lambda: _rest(said) <= picky.told().keys(), SETTLING)
        plain.disconnect()
        missing = sum(len(said.keys() - one.told().keys()) for one in healthy)
        missing += len(_rest(said) - picky.told().keys())
        aside = int(world.metric("fleet_route_set_aside_messages") or 0)
        told = {name: one.told() for name, one in receivers.items()}
    again = sum(len(one.taken) - len({taken.id for taken in one.taken}) for one in healthy)
    twice = sum(len(times) > 1 for name in ("whole", "other") for times in told[name].values())
    turned = sum(_out_of_order(told[name], agents, codes) for name in ("whole", "other"))
    waits = [
        told[name][key][0][0] - at
        for name in ("whole", "other")
        for key, at in said.items()
        if key in told[name]
    ]
    slowest = max(waits, default=0.0)
    seen = (
        f"{len(said)} alerts of {len(agents)} agents, {kills * len(codes)} kills:"
        f" {missing} not told,"
        f" {twice} told twice, {turned} out of order; half within {percentile(waits, 0.5):.1f} s,"
        f" all within {slowest:.1f} s; {aside} set aside by the one that refuses"
        f" some; {again} messages came again with the id they had"
    )
    held = not (missing or twice or turned) and aside > 0
    numbers = {"missing": missing, "twice": twice, "slowest_s": slowest}
    return Finding(seen, held, numbers, slowest <= IN_TIME)


def _linked(port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="agents")
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _configure(home: Path, addresses: dict[str, str]) -> None:
    (home / "hook.secret").write_text("a long random word")
    (home / "hook.secret").chmod(0o600)
    tables = (
        f'[routes.{name}]\nchannel = "webhook"\nurl = "{url}"\nsecret_file = "hook.secret"\n'
        for name, url in addresses.items()
    )
    file = home / "fleet.toml"
    file.write_text(file.read_text() + "".join(tables))


def _wave(
    plain: mqtt.Client, agents: list[str], code: str, said: dict[tuple[str, str], float]
) -> None:
    body = {"code": code, "severity": "critical", "state": "firing"}
    for agent in agents:
        text = json.dumps({**body, "ts": timestamp(time.time())})
        plain.publish(f"fleet/{agent}/alert", text, 1).wait_for_publish(30)
        said[agent, code] = time.monotonic()


def _rest(said: dict[tuple[str, str], float]) -> set[tuple[str, str]]:
    """What the one that refuses some takes."""
    return {key for key in said if key[1] != CODES[0]}


def _out_of_order(
    told: dict[tuple[str, str], list[tuple[float, str]]], agents: list[str], codes: tuple[str, ...]
) -> int:
    """Agents whose alerts were not told in the order in which they began."""
    turned = 0
    for agent in agents:
        moments = [told[agent, code][0][0] for code in codes if (agent, code) in told]
        turned += moments != sorted(moments)
    return turned


SCENARIO = Scenario(
    "R15",
    "1,000 critical alerts while four receivers fail (gone, hangs, 400, 429), hub kill -9 x 10",
    f"each told once to each healthy route, in order, within {IN_TIME:.0f} s",
    run,
    slow="a minute of waves",
)
