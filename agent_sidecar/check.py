"""`agent-sidecar check`: what would be sent, and why; what is read and what never is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Final

from agent_sidecar import kinds
from agent_sidecar.config import Config
from agent_sidecar.hub_watch import Heard, kept_in
from agent_sidecar.probes.base import Assembly
from agent_sidecar.probes.pid_namespace import WAYS, WHY, is_apart
from agent_sidecar.probes.pool import Pool
from agent_sidecar.probes.processes import table
from agent_sidecar.probes.profile import ProfileProbe
from agent_sidecar.settings import ALL
from agent_sidecar.telemetry import encoding
from agent_sidecar.telemetry.observed_state import ObservedState
from agent_sidecar.telemetry.quantiser import Quantiser
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Kind, MessageKind

LOOK: Final = 6.0
"""Seconds a look at everything may take; a slower probe shows as unknown."""


def explain(config: Config) -> Iterator[str]:
    """Lines for a person. Nothing is published and nothing is written.

    Raises:
        FleetError: a setting, secret or key is not usable, as `run` would say.
    """
    yield f"agent   {config.agent}"
    yield f"broker  {config.brokers} ({config.origins['FLEET_BROKER']})"
    yield f"state   {config.state}"
    yield from _settings(config)
    yield from _hub(kept_in(config.state))
    yield ""
    yield from (f"here    {instance.described()}" for instance in kinds.instances(config))
    for instance in kinds.elsewhere(config):
        yield f"beside  {instance.described()}; FLEET_INSTANCE={instance.place} chooses it"
    assembly = kinds.assemble(config)
    yield f"kind    {assembly.kind}: {Kind(assembly.kind).meaning}"
    yield from (f"        {line}" for line in assembly.found)
    yield from _unseen(config, assembly)
    observed = ObservedState(max_age=2.5 * config.interval)
    yield ""
    yield from _probes(assembly, observed)
    yield ""
    if config.text("FLEET_WORK"):
        from agent_sidecar.work.explain import explain as explain_work

        yield from explain_work(config)
        yield ""
    yield from _message(config, observed)
    config.password()


def _unseen(config: Config, assembly: Assembly) -> Iterator[str]:
    """What cannot be seen from a container of our own, and how it could be."""
    pid = assembly.pid()
    if is_apart() and not (pid and table().look(pid)) and not config.text("FLEET_CONTAINER"):
        yield f"unseen  {WHY}"
        yield from (f"        {way}" for way in WAYS)


def _hub(heard: Heard) -> Iterator[str]:
    """What the sidecar that runs here, or ran last, knows of its hub."""
    age = heard.age()
    last = "nobody knows when it was heard" if age is None else f"last heard {age:.0f} s ago"
    if heard.silent:
        yield f"hub     SILENT, {last}: nobody may be watching this agent"
        yield "        Try: fleet doctor, where the hub runs"
    elif heard.tells:
        yield f"hub     {last}"
    else:
        yield f"hub     {last}; not known to repeat itself, so its silence would tell nothing"


def _settings(config: Config) -> Iterator[str]:
    given = [name for name in ALL if config.origins[name.variable] != "default"]
    for name in given:
        value, origin = config.given[name.variable], config.origins[name.variable]
        yield f"        {name.variable}={value} ({origin})"


def _probes(assembly: Assembly, observed: ObservedState) -> Iterator[str]:
    if not assembly.probes:
        yield "probes  none: the bus heartbeat says that the sidecar runs, and no more"
        return
    pool = Pool(assembly.probes, wake=lambda: None)
    found = {}
    started = time.monotonic()
    pool.submit(started)
    waiting = True
    while waiting:
        time.sleep(0.01)
        waiting = pool.pending() and time.monotonic() < started + LOOK
        for probe, result in pool.collect(time.monotonic()):  # after the question: the last too
            found[probe.name] = result
            observed.record(probe.name, result, time.monotonic())
    pool.close()
    for probe in assembly.probes:
        seen = found.get(probe.name)
        verdict = f"{seen.check} in {seen.took * 1000:.0f} ms" if seen else "unknown: no answer"
        yield f"probe   {probe.name} ({probe.plane}): {verdict}"
        if seen and seen.why:
            yield f"        because {seen.why}"
        yield f"        reads   {probe.reads}"
        yield f"        ignores {probe.ignores}"
        if isinstance(probe, ProfileProbe):
            yield from (f"        holds   {line}" for line in probe.holds())
        for evidence in seen.evidence if seen else ():
            if evidence.firing:
                yield f"        would raise {evidence.code} ({evidence.severity})"


def _message(config: Config, observed: ObservedState) -> Iterator[str]:
    now = time.monotonic()
    message = encoding.present(
        ok=observed.ok(now),
        ts=timestamp(time.time()),
        uptime=observed.uptime(now),
        interval=encoding.number(config.interval),
        checks=observed.checks(now),
        metrics=encoding.metrics(*observed.metrics(now)),
    )
    schema_validators(config.added_words())[MessageKind.HEARTBEAT].check(message)
    topic = config.topics.of(MessageKind.HEARTBEAT, config.agent)
    yield f"would publish on {topic} every {config.interval:g} s, retained:"
    yield json.dumps(Quantiser().message(message))
