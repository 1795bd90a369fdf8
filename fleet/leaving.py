"""An agent leaves the fleet, or gets another name: every place that knows it, one step each.

The hub is asked, where one serves. Without one, what the broker retains is cleared by the hub's
account, and the next hub of this home does the rest at its start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fleet.bus.mqtt import open_bus
from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.topics import STATES
from fleet.domain.verdict import Verdict
from fleet.hub_client import HubClient, HubError
from fleet.pending_departures import Departure, PendingDepartures
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.lock_out import LockOut, Step
from fleet.provisioning.registry import Enrolled, Registry
from fleet.retained import look_qos, retained_roster, retained_state
from fleet.settings import Settings
from fleet.store.open import has_store
from fleet.tokens import Tokens

_HEARD: Final = frozenset({Verdict.OK, Verdict.DEGRADED, Verdict.LATE})

LATER: Final = "the next hub of this home does it at its start"


@dataclass(frozen=True, slots=True)
class Gone:
    """What was done; `alive`: it was heard in time until now, so its next message brings it back
    unless it is locked out."""

    steps: list[Step]
    alive: bool = False


async def revoke(
    settings: Settings, name: str, *, history: bool, now: float, account_gone: bool = False
) -> list[Step]:
    """Lock `name` out everywhere, then forget it. Done again, it does what was not done before.

    Args:
        account_gone: where fleet makes no accounts, whether somebody says that he ended this one.

    Raises:
        ConfigError: nobody of that name was ever enrolled, or has a token.
    """
    known = (Registry(settings.home).everyone() or {}).get(name)
    tokens = Tokens(settings.home)
    if known is None and not tokens.of_agent(name):
        remedy = f"fleet agent forget {name}, for one that never was"
        raise ConfigError(f"{name} is not enrolled, and no token is its own", "", remedy)
    gone = tokens.revoke_agent(name)
    ids = ", ".join(entry.id for entry in gone)
    said = f"{ids}: revoked, what they opened ends" if gone else "it had none"
    steps = [Step("HTTP tokens", True, said)]
    if known is not None:
        lock_out = LockOut(settings, known)
        steps += lock_out.here(now)
        if settings.broker_kind.has_enrolment:
            for place in settings.at_each():
                steps += await _locked_out(place, known, of_several=bool(settings.standbys))
        else:
            said = "ended at the broker, as was said" if account_gone else "yours to end there"
            steps.append(Step("account", account_gone, said))
        if all(step.done for step in steps):
            lock_out.forget_credentials()
    return [*steps, *(await forget(settings, name, history=history)).steps]


async def _locked_out(place: Settings, agent: Enrolled, *, of_several: bool) -> list[Step]:
    """What was done at one broker; of several, it says at which."""
    at = f" at {place.broker}" if of_several else ""
    try:
        async with dynsec_of(place) as dynsec:
            steps = await LockOut(place, agent).at_broker(dynsec)
    except FleetError as error:
        steps = [_failed("account, role and connection", error)]
    return [replace(step, what=f"{step.what}{at}") for step in steps]


async def forget(settings: Settings, name: str, *, history: bool) -> Gone:
    """Drop what broker and hub hold of `name`."""
    return await _depart(settings, Departure(name, history))


async def acknowledged(settings: Settings, names: Sequence[str]) -> dict[str, list[str]]:
    """Those of `names` that are heard in time, with alerts that fire and that somebody looks at:
    forgotten they would fire anew, and nobody's look would be known. Empty without a hub.

    Raises:
        HubError: it does not answer.
    """
    hub = await asyncio.to_thread(HubClient.asked, settings)
    if hub is None:
        return {}
    found: dict[str, list[str]] = {}
    with hub.reading():
        for alert in (await asyncio.to_thread(hub.get, "/v1/alerts"))["alerts"]:
            if alert["agent"] in names and alert["acknowledged_by"]:
                found.setdefault(alert["agent"], []).append(alert["code"])
        for name in list(found):
            state = (await asyncio.to_thread(hub.get, f"/v1/agents/{name}"))["state"]
            if state not in {*_HEARD, Verdict.GHOST}:
                del found[name]
    return found


async def rename(settings: Settings, old: str, new: str) -> Gone:
    """Let all that is known of `old` be of `new`: history, state, acknowledgements, silences, and
    the tokens of its role."""
    moved = Tokens(settings.home).rename_agent(old, new)
    ids = ", ".join(entry.id for entry in moved)
    steps = [Step("HTTP tokens", True, f"{ids}: now of {new}")] if moved else []
    gone = await _depart(settings, Departure(old, to=new))
    return Gone([*steps, *gone.steps], gone.alive)


async def heard(settings: Settings, name: str, seconds: float) -> None:
    """Return when `name` was heard on the bus, also before.

    Raises:
        FleetError: it was not within `seconds`.
    """
    topics = [settings.topics.of(kind, name) for kind in STATES]
    try:
        async with asyncio.timeout(seconds), open_bus(settings) as bus:
            await bus.subscribe(*topics)
            async for message in bus.messages():
                await bus.ack(message)
                if message.payload:
                    return
    except TimeoutError:
        raise FleetError(
            f"{name} was not heard in {seconds:g} s",
            "nothing of the old name was taken away",
            "start it with its new name, then the same again",
        ) from None


async def _depart(settings: Settings, departure: Departure) -> Gone:
    failed = []
    try:
        hub = await asyncio.to_thread(HubClient.asked, settings)
        if hub is not None:
            answer = await asyncio.to_thread(_ask, hub, departure)
            with hub.reading():
                return _told(answer, departure)
    except HubError as error:
        failed = [_failed("hub", error)]
    gone = await _cleared(settings, departure.agent)
    steps = [*failed, *gone.steps]
    if has_store(settings):
        PendingDepartures(settings.home).add(departure)
        steps.append(Step(_what(departure), True, LATER))
    return Gone(steps, gone.alive)


def _ask(hub: HubClient, departure: Departure) -> Any:
    path = f"/v1/agents/{departure.agent}"
    if departure.to:
        return hub.post(f"{path}/rename", {"to": departure.to})
    return hub.delete(f"{path}?history={str(departure.history).lower()}")


def _told(answer: Any, departure: Departure) -> Gone:
    """What the hub says that it did."""
    what = _what(departure)
    try:
        seen = "cleared" if answer["retained"] else "the broker was not heard to clear them"
        moved = f"moved to {departure.to}" if departure.to else "forgotten"
        known = moved if answer["known"] else f"{moved}; the hub had nothing of it any more"
        steps = [
            Step("retained messages", answer["retained"], seen),
            Step(what, True, known),
            Step("alerts that were told", True, f"{answer['alerts']}: their end is told"),
            Step("open commands", True, f"{answer['commands']}: rejected"),
        ]
        return Gone(steps, bool(answer["alive"]))
    except (KeyError, TypeError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else "another answer"
        raise HubError("the hub is of another version", why, "restart fleet serve") from None


def _what(departure: Departure) -> str:
    whole = departure.history or departure.to
    return "state, series, silences" + (", history" if whole else "")


async def _cleared(settings: Settings, name: str) -> Gone:
    """Empty what the broker retains of `name`, and read it back."""
    what, now = "retained messages", time.time()
    topics: Sequence[str] = [settings.topics.of(kind, name) for kind in STATES]
    try:
        async with open_bus(settings) as bus:
            alive = (await retained_roster(bus, settings)).view(name, now).state in _HEARD
            for topic in topics:
                await bus.publish(topic, b"", retain=True)
            left = [
                message
                for message in await retained_state(bus, topics, look_qos(settings))
                if message.payload
            ]
    except FleetError as error:
        return Gone([_failed(what, error)])
    return Gone([Step(what, not left, "still there" if left else "cleared, read back")], alive)


def _failed(what: str, error: FleetError) -> Step:
    return Step(what, False, f"{error.what}: {error.why}" if error.why else error.what)
