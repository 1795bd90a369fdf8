"""The exposition is what Prometheus and OpenMetrics parsers read back, number by number."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from fleet.contract.quantise import gauge
from fleet.contract.vocabulary import Check, Kind, State
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.verdict import Verdict
from fleet.metrics import alike
from fleet.metrics.agent_families import FAMILIES, KEPT_WHILE_DOWN, MAX_METRIC_NAMES
from fleet.metrics.alike import AT_ONCE
from fleet.metrics.exposition import Exposition
from fleet.metrics.number_texts import number_text

NOW = 1010.0
HEARD = (Verdict.OK, Verdict.DEGRADED, Verdict.LATE)

VIEW = AgentView(
    agent="ada",
    state=Verdict.OK,
    age=1.0,
    last_seen=1000.0,
    since=900.0,
    says=State.RUNNING,
    ok=True,
    enrolled=True,
    kind=Kind.NANOBOT,
    interval=60.0,
    uptime=86400.0,
    skew=-0.25,
    boot=1,
    seq=7,
    missing=0,
    config=None,
    versions={"agent": "0.3.5"},
    alerts=("idle-cost",),
    planes={"disk": PlaneView(Check.WARN, 1.0)},
    metrics={"memory_bytes": 1.5e8, "tokens_input_total": 12.0},
)


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def rendered(
    exposition: Exposition, lookup: Callable[[str], AgentView], *, openmetrics: bool = False
) -> str:
    """What a scrape gets of all agents, 10 s after `VIEW` was heard."""
    page = BytesIO()
    exposition.refresh(lookup)
    exposition.write(page, NOW, openmetrics=openmetrics)
    return page.getvalue().decode()


def exposition_of(*views: AgentView) -> Exposition:
    exposition = Exposition()
    exposition.look_at(view.agent for view in views)
    rendered(exposition, {view.agent: view for view in views}.__getitem__)
    return exposition


def test_every_fact_of_an_agent_is_read_back() -> None:
    found = samples(rendered(exposition_of(VIEW), lambda _: VIEW))
    agent = ("agent", "ada")
    assert found["fleet_agent_up", (agent,)] == 1
    assert found["fleet_agent_state", (agent, ("state", "ok"))] == 1
    assert found["fleet_agent_heartbeat_age_seconds", (agent,)] == 10
    assert found["fleet_agent_uptime_seconds", (agent,)] == 86400
    assert found["fleet_agent_clock_skew_seconds", (agent,)] == -0.25
    assert found["fleet_agent_check", (agent, ("plane", "disk"), ("result", "warn"))] == 1
    assert found["fleet_agent_metric_memory_bytes", (agent,)] == 1.5e8
    assert found["fleet_agent_metric_tokens_input_total", (agent,)] == 12


def test_openmetrics_reads_it_too_and_sees_a_counter() -> None:
    text = rendered(exposition_of(VIEW), lambda _: VIEW, openmetrics=True) + "# EOF\n"
    types = {family.name: family.type for family in parse_openmetrics(text)}
    assert types["fleet_agent_metric_tokens_input"] == "counter"
    assert types["fleet_agent_metric_memory_bytes"] == "gauge"


def test_an_unknown_value_has_no_series_rather_than_an_invented_one() -> None:
    unknown = replace(VIEW, uptime=None, skew=None, last_seen=None)
    names = {name for name, _ in samples(rendered(exposition_of(unknown), lambda _: unknown))}
    assert not names & {
        "fleet_agent_uptime_seconds",
        "fleet_agent_clock_skew_seconds",
        "fleet_agent_heartbeat_age_seconds",
    }


def test_what_an_agent_no_longer_says_is_gone_from_the_next_scrape() -> None:
    exposition = exposition_of(VIEW)
    quiet = replace(VIEW, alerts=(), metrics={})
    exposition.look_at(["ada"])
    names = {name for name, _ in samples(rendered(exposition, lambda _: quiet))}
    assert "fleet_agent_metric_memory_bytes" not in names


def test_who_is_revoked_leaves_nothing_and_who_is_enrolled_has_a_state() -> None:
    exposition = exposition_of(VIEW)
    exposition.look_at(["ada"])  # by an event of after the revocation
    exposition.align({"bob"})
    text = rendered(exposition, lambda name: replace(VIEW, agent=name))
    assert "ada" not in text
    assert 'fleet_agent_state{agent="bob"' in text


@pytest.mark.parametrize("state", [v for v in Verdict if v not in HEARD])
def test_of_who_is_not_heard_no_measurement_stays(state: Verdict) -> None:
    exposition = exposition_of(VIEW)
    silent = replace(VIEW, state=state)
    exposition.look_at(["ada"])
    found = samples(rendered(exposition, lambda _: silent))
    assert {name for name, _ in found} == {family.name for family in KEPT_WHILE_DOWN}
    assert found["fleet_agent_up", (("agent", "ada"),)] == 0
    exposition.look_at(["ada"])
    back = samples(rendered(exposition, lambda _: VIEW))
    assert back["fleet_agent_metric_tokens_input_total", (("agent", "ada"),)] == 12


@pytest.mark.parametrize("state", HEARD)
def test_of_who_is_heard_every_measurement_is_there(state: Verdict) -> None:
    view = replace(VIEW, state=state)
    names = {name for name, _ in samples(rendered(exposition_of(view), lambda _: view))}
    assert {family.name for family in FAMILIES} <= names


def test_the_names_of_metrics_of_who_is_gone_are_free_again() -> None:
    views = {
        name: replace(VIEW, agent=name, metrics={f"{name}_{i}": 1.0 for i in range(32)} | both)
        for name in [f"a{n}" for n in range(9)]
        for both in [{"shared": 1.0}]
    }
    exposition = exposition_of(*views.values())
    refused = exposition.metric_names_refused
    assert refused
    kept = {name: views[name] for name in ("a0", "a1")}
    exposition.align(kept.keys())
    newcomer = replace(VIEW, agent="new", metrics={f"n{i}": 1.0 for i in range(32)} | {"x": 1.0})
    exposition.look_at(["new"])
    text = rendered(exposition, {**kept, "new": newcomer}.__getitem__)
    assert "fleet_agent_metric_n31{" in text
    assert 'fleet_agent_metric_shared{agent="a0"} 1' in text
    assert "_a5_" not in text
    assert exposition.metric_names_refused == refused


def test_whoever_is_like_an_agent_that_had_no_place_has_the_place_that_is_free_now() -> None:
    """What agents have in common is worked out once; that there was no room for it is not."""
    exposition = Exposition()
    for number in range(7):
        view = replace(VIEW, agent=f"a{number}", metrics={f"m{number}_{i}": 1.0 for i in range(32)})
        exposition.look_at([view.agent])
        rendered(exposition, {view.agent: view}.__getitem__)
    assert exposition.metric_names_refused == 7 * 32 - MAX_METRIC_NAMES
    exposition.align({"a6"})
    views = {"a6": view, "twin": replace(view, agent="twin")}
    for name in ("twin", "a6"):
        exposition.look_at([name])
        text = rendered(exposition, views.__getitem__)
        assert sum(line.startswith("fleet_agent_metric_m6_") and name in line
                   for line in text.splitlines()) == 32  # fmt: skip


def test_agents_cannot_invent_families_without_bound() -> None:
    views = [
        replace(VIEW, agent=f"a{n}", metrics={f"m{n}_{i}": 1.0 for i in range(32)})
        for n in range(20)
    ]
    exposition = exposition_of(*views)
    lookup = {view.agent: view for view in views}.__getitem__
    text = rendered(exposition, lookup)
    assert text.count("# TYPE fleet_agent_metric_") == MAX_METRIC_NAMES
    assert exposition.metric_names_refused == 20 * 32 - MAX_METRIC_NAMES


def test_a_name_that_another_one_rules_out_is_refused_and_openmetrics_still_parses() -> None:
    sly = {"x": 1.0, "x_total": 2.0, "x_created": 3.0, "y_total": 4.0, "y": 5.0, "z": 6.0}
    view = replace(VIEW, metrics=sly)
    exposition = exposition_of(view)
    text = rendered(exposition, lambda _: view, openmetrics=True) + "# EOF\n"
    names = {family.name.rpartition("metric_")[2] for family in parse_openmetrics(text)}
    assert names & {"x", "y", "z"} == {"x", "y", "z"}
    assert exposition.metric_names_refused == 2


def test_a_scrape_does_not_show_what_a_refused_name_holds() -> None:
    view = replace(VIEW, metrics={"x": 1.0, "x_total": 2.0})
    text = rendered(exposition_of(view), lambda _: view)
    assert "x_total" not in text


def test_a_gauge_has_three_digits_and_a_counter_or_a_moment_all_of_them() -> None:
    exact = {"load": 0.123456789, "tokens_total": 123_456_789.0, "at_timestamp_seconds": 1.8e9 + 7}
    view = replace(VIEW, metrics=exact)
    text = rendered(exposition_of(view), lambda _: view)
    values = {line.partition("{")[0]: line.split()[-1] for line in text.splitlines()}
    assert values["fleet_agent_metric_load"] == "0.123"
    assert values["fleet_agent_metric_tokens_total"] == "123456789"
    assert values["fleet_agent_metric_at_timestamp_seconds"] == "1800000007"


DISK, WORK = {"disk": PlaneView(Check.PASS, 1.0)}, {"work": PlaneView(Check.FAIL, 2.0)}
VARIANTS: dict[str, list[Any]] = {
    "state": list(Verdict),
    "kind": [None, Kind.HERMES],
    "versions": [None, {}, {"agent": "1", "sidecar": "2"}, {"sidecar": "2", "agent": "1"}],
    "interval": [600.0, 0.5],
    "last_seen": [None, 990.5],
    "uptime": [None, 5.0, 0.25],
    "skew": [None, 0.0, -0.0, 3600.0],
    "missing": [None, 7],
    "planes": [{}, DISK, DISK | WORK, WORK | DISK],
    "metrics": [
        {},
        *({"load": load, "tokens_total": 4e8 + 1} for load in (0.0, 0.123456789, 1e-05, 1e17)),
        {"tokens_total": 4e8 + 2, "load": 1.0},
        {"tokens": 5.0, "tokens_total": 6.0, "at_timestamp_seconds": 1.8e9 + 7},
    ],
}
CHANGES = st.sampled_from([(name, one) for name, values in VARIANTS.items() for one in values])
OTHERS = st.lists(CHANGES, max_size=3).map(lambda changes: replace(VIEW, **dict(changes)))
"""Agents of which most differ in a thing or two, as those of a fleet do."""


def line_by_line(view: AgentView, metrics: Iterable[str]) -> Iterator[str]:
    """The lines of an agent, each written by itself; `metrics` are those that have a place."""

    def line(name: str, value: str | float | None, **labels: str) -> str:
        text = ",".join(f'{key}="{word}"' for key, word in {"agent": view.agent, **labels}.items())
        return f"fleet_agent_{name}{{{text}}} {value}"

    said = {"version": "agent", "sidecar": "sidecar", "runtime": "runtime"}
    versions = {label: (view.versions or {}).get(key, "unknown") for label, key in said.items()}
    yield line("up", int(view.state in HEARD))
    yield line("state", 1, state=view.state.value)
    yield line("info", 1, kind=view.kind or "unknown", **versions)
    yield line("interval_seconds", number_text(view.interval))
    if view.last_seen is not None:
        yield line("heartbeat_age_seconds", f"{NOW - view.last_seen:.3f}")
    if view.state not in HEARD:
        return
    yield line("missing_messages", view.missing or 0)
    if view.uptime is not None:
        yield line("uptime_seconds", number_text(view.uptime))
    if view.skew is not None:
        yield line("clock_skew_seconds", f"{view.skew:.3f}")
    for plane, check in view.checks.items():
        yield line("check", 1, plane=plane, result=check.value)
    for name in view.metrics.keys() & metrics:
        value = view.metrics[name]
        exact = name.endswith(("_total", "_seconds"))
        yield line(f"metric_{name}", number_text(value if exact else gauge(value)))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(OTHERS, min_size=1, max_size=9), max_size=4),
    st.sampled_from([1, 2, 3, AT_ONCE]),
)
def test_what_is_written_together_is_as_line_by_line(
    scrapes: list[list[AgentView]], at_once: int
) -> None:
    exposition, known = Exposition(), dict[str, AgentView]()
    places: set[str] = set()
    for views in scrapes:
        named = {f"agent-{n}": replace(one, agent=f"agent-{n}") for n, one in enumerate(views)}
        known |= named
        exposition.look_at(named)
        with patch.object(alike, "AT_ONCE", at_once):
            text = rendered(exposition, known.__getitem__)
        for view in named.values():
            for name in view.metrics if view.state in HEARD else ():
                rival = {"tokens": "tokens_total", "tokens_total": "tokens"}.get(name)
                places |= {name} - ({name} if rival in places else set())
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert sorted(lines) == sorted(
            line for view in known.values() for line in line_by_line(view, places)
        )


def test_of_an_agent_numbers_are_kept_and_no_text() -> None:
    """100,000 agents had 190 MB of lines."""
    agents = 2_000
    views = {f"agent-{n}": replace(VIEW, agent=f"agent-{n}") for n in range(agents)}
    tracemalloc.start()
    exposition = exposition_of(*views.values())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rendered(exposition, views.__getitem__)) > 500 * agents
    assert kept < 400 * agents
