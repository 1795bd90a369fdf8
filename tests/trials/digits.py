"""Threat 4: what an agent packs into the digits of its numbers, and gets past the hub."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_sidecar.telemetry.quantiser import Quantiser
from tests.support.waiting import wait_until
from tests.trials.world import Finding, World, beat, metric, world

COUNT: Final = 3_000
"""Heartbeats of each, below the 5,000 that are too many at once whatever they hold."""

PASSED: Final = 4 * 2_316
"""Exact numbers: four times what a day may have, since one heartbeat is looked at for many."""

VALUES: Final = random.Random(4)
Make = Callable[[int], dict[str, float]]


def _exact(_number: int) -> dict[str, float]:
    return {f"load_{index}": VALUES.random() for index in range(32)}


def _every_second(number: int) -> dict[str, float]:
    if number % 2:
        return _exact(number)
    return {f"load_{index}": round(VALUES.random(), 3) for index in range(32)}


def _counters(_number: int) -> dict[str, float]:
    return {f"tokens_{index}_total": VALUES.randrange(10**9) for index in range(32)}


def digits(folder: Path) -> list[Finding]:
    ways: dict[str, tuple[Make, int]] = {
        "random": (_exact, COUNT),
        "alternating": (_every_second, COUNT // 2),
        "counting": (_counters, COUNT),
    }
    with world(folder) as here:
        here.credentials |= asyncio.run(here.broker.enrol(*ways, "hurried", "rounding", "long"))
        found = []
        for name, (make, bad) in ways.items():
            refused = _refused(here, name, make)
            passed = 32 * (bad - refused)
            gave = f"{refused:,} of {bad:,} refused as too-precise; {passed:,} exact numbers passed"
            tried = f"{COUNT:,} heartbeats of 32 numbers, {name}"
            found.append(Finding("4. metadata leakage", tried, gave, passed <= PASSED))
        refused = _refused(here, "hurried", _exact, interval=1)
        tried = f"the same, announcing an interval of a second: {COUNT:,}"
        gave = f"{refused:,} refused"
        found.append(Finding("4. metadata leakage", tried, gave, 32 * (COUNT - refused) <= PASSED))
        return [*found, _honest(here), _long(here)]


def _refused(
    here: World, name: str, make: Make, text: Callable[[bytes], bytes] = bytes, interval: int = 600
) -> int:
    """How many heartbeats of a session the hub refuses as too precise."""
    reason = 'fleet_bus_rejects_total{reason="too-precise"}'
    before, taken = metric(here.hub, reason), metric(here.hub, "fleet_bus_messages_total")
    with here.client(name) as client:
        for number in range(COUNT):
            payload = text(
                beat(600 * number, boot=1, seq=number, interval=interval, metrics=make(number))
            )
            client.client.publish(f"fleet/{name}/heartbeat", payload, 1)
        wait_until(lambda: client.answered == COUNT, 120, "the broker's answers")
        every = "fleet_bus_messages_total"
        wait_until(lambda: metric(here.hub, every) - taken >= COUNT, 120, "the hub")
    return round(metric(here.hub, reason) - before)


def _honest(here: World) -> Finding:
    quantiser = Quantiser()

    def rounded(number: int) -> dict[str, float]:
        said = _exact(number) | {"load_0": 1.0, "tokens_total": 10**9 + 12_345 * number}
        del said["load_0"]
        return dict(quantiser.message({"metrics": said})["metrics"])

    refused = _refused(here, "rounding", rounded)
    tried = f"{COUNT:,} heartbeats of 32 new numbers as a sidecar rounds them"
    return Finding("4. metadata leakage", tried, f"{refused} refused", refused == 0)


def _long(here: World) -> Finding:
    hidden = 0

    def long(payload: bytes) -> bytes:
        nonlocal hidden
        if VALUES.random() < 0.5:
            return payload
        hidden += 1
        text = "".join(VALUES.choices("0123456789", k=3_000)).encode()
        return payload.replace(b"0.5", b"0.5" + text)

    refused = _refused(here, "long", lambda _: {"load": 0.5}, long)
    tried = f"{hidden:,} numbers of 3,000 digits among {COUNT:,} heartbeats"
    gave = f"{refused:,} refused, {hidden - refused:,} passed"
    return Finding("4. metadata leakage", tried, gave, hidden - refused < 200)
