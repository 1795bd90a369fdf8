"""One truth at every door: a table of situations, and each way to ask about them.

One hub serves all of them at once, before and after it was killed, and while its broker is away;
then the broker's retained messages alone are asked.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator

import pytest

from fleet.domain.liveness import PRESENCE_CODES
from fleet.mcp.words import merged
from tests.support.doors import (
    CHROMIUM,
    DETAILED,
    Doors,
    counts,
    in_words,
    of_the_list,
    shapeless,
    to_a_model,
)
from tests.support.doors_world import REVOKED, World
from tests.support.held_situations import SITUATIONS
from tests.support.prometheus import PROMETHEUS
from tests.support.situation import Situation, held_by, in_brackets
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("doors")
needs_mcp = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None, reason="the extra mcp is not installed"
)
needs_page = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or CHROMIUM is None,
    reason="playwright or chromium is not installed",
)
needs_prometheus = pytest.mark.skipif(not PROMETHEUS, reason="Prometheus is absent")
every = pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: one.name)

EXITS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
AUDIT, DOWN = "critical hub: audit-violation", "critical hub: broker-down"
QUIET = "info hub: acl-open (silenced)"
PLANNED = [f"info hub: {code} (in maintenance)" for code in ("acl-open", "audit-violation")]
OWN = {
    "served": [AUDIT, QUIET],
    "restarted": [AUDIT, QUIET],
    "announced": PLANNED,
    "deaf": [AUDIT, DOWN, QUIET],
}
ALONE = "from the broker alone: ghosts, silences and clock skew are not known"
DEAF = "the hub has no link to the broker: this is what it knew before"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    played = World(tmp_path_factory.mktemp("doors"))
    yield played
    played.close()


@pytest.fixture(scope="module", params=["served", "restarted", "announced", "deaf"])
def doors(
    world: World, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Doors:
    """The doors of the hub as it is, after it was killed, while maintenance of all is announced,
    and while its broker is away."""
    world.begin(request.param)
    return Doors(world.hub, request.param, tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> Doors:
    """The doors without a hub."""
    world.begin("alone")
    return Doors(world.hub, "alone", tmp_path_factory.mktemp("doors"))


def problems_in(item: dict[str, object], key: str = "problems") -> list[tuple[str, ...]]:
    told = item[key]
    assert isinstance(told, list)
    flaps = ["flapping" if p["flapping"] else None for p in told]
    said = [filter(None, (flap, p["held"])) for flap, p in zip(flaps, told, strict=True)]
    return [(p["severity"], p["code"], *words) for p, words in zip(told, said, strict=True)]


def check_item(item: dict[str, object], one: Situation) -> None:
    """An agent's JSON item, whoever gives it."""
    assert item["state"] == one.state
    assert item["severity"] == one.severity
    assert problems_in(item) == list(one.problems)
    assert item["alerts"] == sorted(one.severities)
    assert item["severities"] == one.severities


@every
def test_status_as_json(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    check_item(doors.agents[one.name], one)
    told = [p for p in doors.status[0]["problems"] if p["agent"] == one.name]
    assert problems_in({"problems": told}) == list(one.problems)


def beside_the_state(one: Situation) -> list[str]:
    """What the line of a check names: what wakes somebody and is not said by the state already."""
    spoken = set(PRESENCE_CODES.values())
    loud = [p for p in one.problems if not held_by(p) and p[1] not in spoken]
    return [f"{one.name}: {in_brackets(p)}" for p in loud]


@every
def test_status_as_a_table(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    assert [line for line in doors.table if f" {one.name}: " in line] == one.lines
    [row] = [line.split() for line in doors.table if line.split(" ")[0] == one.name]
    assert row[1] == one.state
    assert row[-2] == (",".join(sorted(one.severities)) or "none")


@every
def test_status_of_one(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    code, text = doors.call("status", one.name)
    facts = dict(line.strip().split(None, 1) for line in text.splitlines()[1:])
    assert code == 0
    assert facts["state"] == one.state
    assert facts["problems"] == one.words
    assert facts["alerts"] == (", ".join(sorted(one.severities)) or "none")


@every
def test_check_of_one(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    code, line = doors.call("check", one.name)
    assert code == one.exit
    assert line.startswith(f"FLEET {EXITS[one.exit]} - 1 ")
    assert f"| agents=1 {counts([one])}" in line
    loud = beside_the_state(one)
    summary, _, told = line.partition(" | ")[0].partition("; ")
    assert told == ", ".join(loud)
    held = {word for p in one.problems for word in held_by(p)}
    if len(held) == 1 and all(held_by(p) for p in one.problems):
        assert summary.endswith(f"1 {held.pop()} ({one.name})")


@every
def test_http_list(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    [item] = [item for item in doors.http["agents"] if item["agent"] == one.name]
    check_item(item, one)
    assert doors.brief[one.name] == one.state


@every
def test_http_agent(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    check_item(doors.hub.get(f"/v1/agents/{one.name}", "viewer"), one)


@every
def test_http_alerts(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    told = {code: alert for (agent, code), alert in doors.alerts.items() if agent == one.name}
    assert {code: alert["severity"] for code, alert in told.items()} == one.severities
    held = {p[1] for p in one.problems if held_by(p)}
    quiet = {code for code, alert in told.items() if alert["silenced"]}
    assert quiet & {p[1] for p in one.problems} == held & set(told)
    acknowledged = {code for code, alert in told.items() if alert["acknowledged_by"]}
    assert acknowledged == ({"restart-loop"} if one.name == "acknowledged" else set())


@every
def test_metrics(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    mine = {
        name: [labels for labels in samples if labels.get("agent") == one.name]
        for name, samples in doors.metrics.items()
    }
    assert [labels["state"] for labels in mine["fleet_agent_state"]] == [one.state]
    labels = ("severity", "code", "flapping", "held")
    wrong = [tuple(filter(None, (p[name] for name in labels))) for p in mine["fleet_problem"]]
    assert sorted(wrong) == sorted(one.problems)
    found = {labels["code"]: labels["severity"] for labels in mine["fleet_alert_firing"]}
    assert found == one.severities


def check_state(event: dict[str, object], one: Situation) -> None:
    """A line of a snapshot."""
    assert event["state"] == one.state
    assert problems_in(event) == list(one.problems)


@every
def test_snapshot(doors: Doors, one: Situation) -> None:
    check_state(doors.snapshot[one.name], doors.expected(one))


@needs_prometheus
@every
def test_rules_of_prometheus(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    loud = [problem[:2] for problem in one.problems if not held_by(problem)]
    assert sorted(doors.rules.get(one.name, [])) == sorted(loud)


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("doors", ["served"], indirect=True)
def test_webhook(world: World) -> None:
    """What is not held was told with its severity, and nothing else was told that still fires."""
    loud = {
        (one.name, p[1]): ("firing", p[0])
        for one in SITUATIONS
        for p in one.problems
        if not held_by(p) and p[1] in one.severities
    }
    wait_until(lambda: loud.items() <= world.told().items(), 60, what="the notifications")
    fires = {
        (one.name, code): severity
        for one in SITUATIONS
        for code, severity in one.severities.items()
    }
    told = {key: severity for key, (state, severity) in world.told().items() if state == "firing"}
    assert {key: severity for key, severity in told.items() if key[0]}.items() <= fires.items()
    assert told["", "audit-violation"] == "critical"


@needs_mcp
@every
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_mcp(doors: Doors, one: Situation, transport: str) -> None:
    one = doors.expected(one)
    lines = doors.mcp[transport][one.name].splitlines()
    wrong = f"; {one.words}" if one.problems else ""
    assert lines[0] == f"{EXITS[one.exit]}: {to_a_model(one.name)}: {one.state}{wrong}."
    assert f"- problems: {one.words}" in lines
    assert f"- alerts: {', '.join(sorted(one.severities)) or 'none'}" in lines


@needs_page
@every
def test_page(doors: Doors, one: Situation) -> None:
    one = doors.expected(one)
    row = doors.page["rows"][one.name]
    alerts = ", ".join(sorted(one.severities)) or "none"
    assert (shapeless(row[1]), row[2] or "none") == (one.state, alerts)
    if doors.phase in DETAILED:
        facts = doors.page["facts"][one.name]
        told = shapeless(facts["State"]), facts["Alerts"], facts["Problems"]
        assert told == (one.state, alerts, one.words)


def test_the_whole_fleet(doors: Doors) -> None:
    """The exit code, the counts, and the hub's own problems, at each door."""
    own, note = OWN[doors.phase], DEAF if doors.phase == "deaf" else ""
    assert [in_words(problem) for problem in doors.status[0]["problems"]] == doors.told
    assert doors.told[: len(own)] == own
    assert doors.status[1].strip() == note
    code, line, told = doors.check
    held = doors.phase == "announced"
    assert (code, line.split(" - ")[0]) == ((3, "FLEET UNKNOWN") if held else (2, "FLEET CRITICAL"))
    assert f"| agents={len(SITUATIONS)} {counts(SITUATIONS)}" in line
    assert ("; hub: audit-violation" in line) is not held
    assert "acl-open" not in line
    assert told.strip() == note
    tally = Counter(one.state for one in SITUATIONS)
    assert doors.http["counts"] == tally
    assert [in_words(problem) for problem in doors.http["hub"]] == own
    assert [in_words(problem) for problem in doors.http["problems"]] == doors.told
    assert {labels["state"] for labels in doors.metrics["fleet_agents"]} == set(tally)
    assert [in_words(problem) for problem in doors.snapshot[None]["problems"]] == own
    assert doors.snapshot_lines[0] == ", ".join(own).replace("hub: ", "")
    if doors.phase != "deaf":  # it asks the agents over the broker
        assert doors.collected == doors.told


@needs_prometheus
def test_rules_of_prometheus_about_the_hub(doors: Doors) -> None:
    loud = [line for line in OWN[doors.phase] if not line.endswith(")")]
    told = [f"{severity} hub: {code}" for severity, code in doors.rules.get("hub", [])]
    assert sorted(told) == sorted(loud)
    assert set(doors.rules) <= {"hub", *(one.name for one in SITUATIONS)}


@needs_mcp
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_mcp_of_the_whole_fleet(doors: Doors, transport: str) -> None:
    answers = doors.mcp[transport]
    tally = Counter(one.state for one in SITUATIONS)
    status = answers["status"].splitlines()
    word = "UNKNOWN" if doors.phase == "announced" else "CRITICAL"
    assert status[0].startswith(f"{word}: {len(SITUATIONS)} agents: ")
    assert set(status[0].rstrip(".").partition("agents: ")[2].split(", ")) == {
        f"{count} {state}" for state, count in tally.items()
    }
    told = [line.removeprefix("- ") for line in status[1:48]]
    expected = list(merged(map(of_the_list, doors.told)))
    assert told[: len(expected)] == expected[: len(told)]
    note = [f"- note: {DEAF}"] if doors.phase == "deaf" else []
    for answer in answers.values():
        assert [line for line in answer.splitlines() if line.startswith("- note")] == note
    assert answers["check"].startswith(f"{word}: {len(SITUATIONS)} agents: ")
    assert ("hub: " in answers["check"]) is (word == "CRITICAL")


@needs_page
def test_page_of_the_whole_fleet(doors: Doors) -> None:
    """The page names the same problems as `fleet status`, what is alike in one line."""
    assert doors.page_problems == doors.told_alike
    tally = Counter(one.state for one in SITUATIONS)
    summary = doors.page["summary"].partition(": ")[2]
    assert set(summary.split(", ")) == {f"{count} {state}" for state, count in tally.items()}


@pytest.mark.parametrize("name", [REVOKED, "nobody"])
def test_who_is_not_of_the_fleet_is_nowhere(doors: Doors, name: str) -> None:
    assert name not in doors.agents
    assert [line for line in doors.table if name in line.split()] == []
    assert doors.call("status", name) == (3, "")
    assert doors.call("check", name)[0] == 3
    assert doors.hub.ask("GET", f"/v1/agents/{name}", "viewer")[0] == 404
    assert [alert for alert in doors.alerts if alert[0] == name] == []
    told = [labels for samples in doors.metrics.values() for labels in samples]
    assert [labels for labels in told if labels.get("agent") == name] == []


@pytest.mark.parametrize("one", [s for s in SITUATIONS if s.retained], ids=lambda one: one.name)
def test_without_a_hub(alone: Doors, one: Situation) -> None:
    check_item(alone.agents[one.name], one)
    check_state(alone.snapshot[one.name], one)
    assert alone.status[1].splitlines() == [ALONE]


@pytest.mark.parametrize("one", [s for s in SITUATIONS if s.retained], ids=lambda one: one.name)
def test_check_without_a_hub(alone: Doors, one: Situation) -> None:
    code, line = alone.call("check", one.name)
    assert code == one.exit
    loud = beside_the_state(one)
    assert line.partition(" | ")[0].partition("; ")[2] == ", ".join(loud)


def test_check_of_the_whole_fleet_without_a_hub(alone: Doors) -> None:
    code, line, note = alone.check
    assert (code, line.split(" - ")[0]) == (2, "FLEET CRITICAL")
    assert note.splitlines() == [ALONE]
