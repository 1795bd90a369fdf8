"""The exposition is what Prometheus and OpenMetrics parsers read back, number by number."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from fleet.contract.vocabulary import Check, Kind, State
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.verdict import Verdict
from fleet.metrics.agent_families import FAMILIES, KEPT_WHILE_DOWN, MAX_METRIC_NAMES
from fleet.metrics.exposition import Exposition

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


def exposition_of(*views: AgentView) -> Exposition:
    exposition = Exposition()
    exposition.touch(view.agent for view in views)
    exposition.render({view.agent: view for view in views}.__getitem__, 1010.0)
    return exposition


def test_every_fact_of_an_agent_is_read_back() -> None:
    found = samples(exposition_of(VIEW).render(lambda _: VIEW, 1010.0))
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
    text = exposition_of(VIEW).render(lambda _: VIEW, 1010.0, openmetrics=True) + "# EOF\n"
    types = {family.name: family.type for family in parse_openmetrics(text)}
    assert types["fleet_agent_metric_tokens_input"] == "counter"
    assert types["fleet_agent_metric_memory_bytes"] == "gauge"


def test_an_unknown_value_has_no_series_rather_than_an_invented_one() -> None:
    unknown = replace(VIEW, uptime=None, skew=None, last_seen=None)
    names = {name for name, _ in samples(exposition_of(unknown).render(lambda _: unknown, 1010.0))}
    assert not names & {
        "fleet_agent_uptime_seconds",
        "fleet_agent_clock_skew_seconds",
        "fleet_agent_heartbeat_age_seconds",
    }


def test_what_an_agent_no_longer_says_is_gone_from_the_next_scrape() -> None:
    exposition = exposition_of(VIEW)
    quiet = replace(VIEW, alerts=(), metrics={})
    exposition.touch(["ada"])
    names = {name for name, _ in samples(exposition.render(lambda _: quiet, 1010.0))}
    assert "fleet_agent_metric_memory_bytes" not in names


def test_who_is_revoked_leaves_nothing_and_who_is_enrolled_has_a_state() -> None:
    exposition = exposition_of(VIEW)
    exposition.touch(["ada"])  # by an event of after the revocation
    exposition.align({"bob"})
    text = exposition.render(lambda name: replace(VIEW, agent=name), 1010.0)
    assert "ada" not in text
    assert 'fleet_agent_state{agent="bob"' in text


@pytest.mark.parametrize("state", [v for v in Verdict if v not in HEARD])
def test_of_who_is_not_heard_no_measurement_stays(state: Verdict) -> None:
    exposition = exposition_of(VIEW)
    silent = replace(VIEW, state=state)
    exposition.touch(["ada"])
    found = samples(exposition.render(lambda _: silent, 1010.0))
    assert {name for name, _ in found} == {family.name for family in KEPT_WHILE_DOWN}
    assert found["fleet_agent_up", (("agent", "ada"),)] == 0
    exposition.touch(["ada"])
    back = samples(exposition.render(lambda _: VIEW, 1010.0))
    assert back["fleet_agent_metric_tokens_input_total", (("agent", "ada"),)] == 12


@pytest.mark.parametrize("state", HEARD)
def test_of_who_is_heard_every_measurement_is_there(state: Verdict) -> None:
    view = replace(VIEW, state=state)
    names = {name for name, _ in samples(exposition_of(view).render(lambda _: view, 1010.0))}
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
    exposition.touch(["new"])
    text = exposition.render({**kept, "new": newcomer}.__getitem__, 1010.0)
    assert "fleet_agent_metric_n31{" in text
    assert 'fleet_agent_metric_shared{agent="a0"} 1' in text
    assert "_a5_" not in text
    assert exposition.metric_names_refused == refused


def test_whoever_is_like_an_agent_that_had_no_place_has_the_place_that_is_free_now() -> None:
    """What agents have in common is worked out once; that there was no room for it is not."""
    exposition = Exposition()
    for number in range(7):
        view = replace(VIEW, agent=f"a{number}", metrics={f"m{number}_{i}": 1.0 for i in range(32)})
        exposition.touch([view.agent])
        exposition.render({view.agent: view}.__getitem__, 1010.0)
    assert exposition.metric_names_refused == 7 * 32 - MAX_METRIC_NAMES
    exposition.align({"a6"})
    views = {"a6": view, "twin": replace(view, agent="twin")}
    for name in ("twin", "a6"):
        exposition.touch([name])
        text = exposition.render(views.__getitem__, 1010.0)
        assert sum(line.startswith("fleet_agent_metric_m6_") and name in line
                   for line in text.splitlines()) == 32  # fmt: skip


def test_agents_cannot_invent_families_without_bound() -> None:
    views = [
        replace(VIEW, agent=f"a{n}", metrics={f"m{n}_{i}": 1.0 for i in range(32)})
        for n in range(20)
    ]
    exposition = exposition_of(*views)
    lookup = {view.agent: view for view in views}.__getitem__
    text = exposition.render(lookup, 1010.0)
    assert text.count("# TYPE fleet_agent_metric_") == MAX_METRIC_NAMES
    assert exposition.metric_names_refused == 20 * 32 - MAX_METRIC_NAMES


def test_a_name_that_another_one_rules_out_is_refused_and_openmetrics_still_parses() -> None:
    sly = {"x": 1.0, "x_total": 2.0, "x_created": 3.0, "y_total": 4.0, "y": 5.0, "z": 6.0}
    view = replace(VIEW, metrics=sly)
    exposition = exposition_of(view)
    text = exposition.render(lambda _: view, 1010.0, openmetrics=True) + "# EOF\n"
    names = {family.name.rpartition("metric_")[2] for family in parse_openmetrics(text)}
    assert names & {"x", "y", "z"} == {"x", "y", "z"}
    assert exposition.metric_names_refused == 2


def test_a_scrape_does_not_show_what_a_refused_name_holds() -> None:
    view = replace(VIEW, metrics={"x": 1.0, "x_total": 2.0})
    text = exposition_of(view).render(lambda _: view, 1010.0)
    assert "x_total" not in text


def test_a_gauge_has_three_digits_and_a_counter_or_a_moment_all_of_them() -> None:
    exact = {"load": 0.123456789, "tokens_total": 123_456_789.0, "at_timestamp_seconds": 1.8e9 + 7}
    view = replace(VIEW, metrics=exact)
    text = exposition_of(view).render(lambda _: view, 1010.0)
    values = {line.partition("{")[0]: line.split()[-1] for line in text.splitlines()}
    assert values["fleet_agent_metric_load"] == "0.123"
    assert values["fleet_agent_metric_tokens_total"] == "123456789"
    assert values["fleet_agent_metric_at_timestamp_seconds"] == "1800000007"


OTHERS = st.builds(
    replace,
    st.just(VIEW),
    state=st.sampled_from(list(Verdict)),
    last_seen=st.sampled_from([None, 990.5, 1000.0]),
    uptime=st.sampled_from([None, 5.0, 0.25]),
    skew=st.sampled_from([None, -0.25, 3600.0]),
    missing=st.sampled_from([None, 0, 7]),
    planes=st.sampled_from([{}, VIEW.planes, {"disk": PlaneView(Check.PASS, 1.0)}]),
    metrics=st.dictionaries(
        st.sampled_from(["load", "tokens_total", "at_timestamp_seconds"]),
        st.sampled_from([0.0, 0.123456789, 1e-05, 123_456_789.0, 1.8e9 + 7]),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(OTHERS, min_size=1, max_size=6), max_size=4))
def test_agents_rendered_together_are_as_each_alone(scrapes: list[list[AgentView]]) -> None:
    together, alone = Exposition(), Exposition()
    for views in scrapes:
        named = {f"agent-{n}": replace(one, agent=f"agent-{n}") for n, one in enumerate(views)}
        for name in sorted(named):
            alone.touch([name])
            alone.render(named.__getitem__, 1010.0)
        together.touch(named)
        whole = together.render(named.__getitem__, 1010.0).splitlines()
        assert sorted(whole) == sorted(alone.render(named.__getitem__, 1010.0).splitlines())


def test_of_an_agent_numbers_are_kept_and_no_text() -> None:
    """100,000 agents had 190 MB of lines."""
    agents = 2_000
    views = {f"agent-{n}": replace(VIEW, agent=f"agent-{n}") for n in range(agents)}
    tracemalloc.start()
    exposition = exposition_of(*views.values())
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(exposition.render(views.__getitem__, 1010.0)) > 500 * agents
    assert kept < 400 * agents
