"""Order does not matter: whatever a broker delivers first, the same is true of an agent.

Stories of one agent as a sidecar or a one-liner tells them: sessions, births, heartbeats,
statuses, alerts, wills. What stays retained at their end is delivered in every order, and must give
the view that the hub has which heard it all live.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.contract.fields import Message
from fleet.contract.vocabulary import MessageKind
from fleet.domain.agent_view import AgentView
from fleet.domain.roster import Roster
from fleet.domain.severities import severity_of
from tests.support.telemetry import NOON, Story, alert, beat, status

CODES = ("process-down", "disk-pressure", "restart-loop")
PLANES = ("process", "work", "disk")
CHECKS = st.sampled_from(["pass", "warn", "fail", "unknown"])


@dataclass
class Agent:
    """Tells its story message by message; keeps what the broker would retain of it."""

    numbered: bool
    boot: int = 5
    seq: int = 0
    now: float = NOON
    firing: dict[str, str] = field(default_factory=dict)
    told: list[tuple[Message, float]] = field(default_factory=list)
    retained: dict[MessageKind, Message] = field(default_factory=dict)
    born: float = NOON

    def says(self, make: Any, *words: Any, keep: bool = True, **fields: Any) -> None:
        self.now += 1.0
        if self.numbered:
            fields |= {"boot": self.boot, "seq": self.seq}
            self.seq += 1
        message = make(*words, ts=self.now, **fields)
        self.told.append((message, self.now))
        if keep:
            self.retained[MessageKind(message.kind_of_message)] = message

    def begins(self) -> None:
        self.boot += 1000
        self.seq = 0
        self.born = self.now + 1.0
        self.says(status, "running")

    def leaves(self) -> None:
        self.says(status, "offline")

    def dies(self) -> None:
        """Its last will, written when it connected: that session's number, no count of its own.
        One-liners connect for one message, and leave none."""
        self.now += 1.0
        will = status("offline", ts=self.born, boot=self.boot)
        self.told.append((will, self.now))
        self.retained[MessageKind.STATUS] = will


def checks_of(draw: Any) -> dict[str, str] | None:
    return draw(st.none() | st.dictionaries(st.sampled_from(PLANES), CHECKS, min_size=1))


@st.composite
def stories(draw: Any) -> Agent:
    agent = Agent(numbered=draw(st.booleans()))
    agent.begins()
    for _ in range(draw(st.integers(0, 7))):
        match draw(st.sampled_from(["beat", "beat", "status", "reply", "alert", "session"])):
            case "beat":
                metrics = draw(st.none() | st.just({"errors_total": draw(st.integers(0, 9))}))
                fields = {"checks": checks_of(draw), "metrics": metrics}
                if agent.numbered:
                    fields["alerts"] = sorted(agent.firing)
                given_ = {name: value for name, value in fields.items() if value is not None}
                agent.says(beat, ok=draw(st.booleans()), **given_)
            case "status":
                checks = checks_of(draw)
                version = {"agent": f"1.{draw(st.integers(0, 3))}"}
                fields = {"versions": version} | ({"checks": checks} if checks else {})
                state = draw(st.sampled_from(["running", "degraded", "maintenance"]))
                agent.says(status, state, **fields)
            case "alert":
                code = draw(st.sampled_from(CODES))
                state = draw(st.sampled_from(["firing", "resolved"]))
                severity = draw(st.sampled_from(["warning", "critical"]))
                agent.says(alert, code, state, severity=severity)
                agent.firing.pop(code, None)
                if state == "firing":
                    agent.firing[code] = severity
            case "session":
                agent.begins()
    end = draw(st.sampled_from(["goes on", "leaves", "dies"]))
    if end == "leaves":
        agent.leaves()
    elif end == "dies" and agent.numbered:
        agent.dies()
    return agent


def shown(view: AgentView) -> dict[str, Any]:
    """What must be equal; ages and gaps are of the way, not of the agent."""
    told = view.as_dict()
    for name in ("age", "last_seen", "since", "missing", "skew", "seq", "uptime"):
        told.pop(name)
    told["planes"] = sorted(told["planes"])
    return told


def found(agent: Agent, order: tuple[Message, ...]) -> AgentView:
    story = Story(Roster(interval=600), "larry")
    for message in order:
        story.hears(message, at=agent.now + 1.0, retained=True)
    return story.roster.view("larry", agent.now + 1.0)


@settings(max_examples=400, deadline=None)
@given(agent=stories())
def test_retained_messages_say_the_same_in_every_order(agent: Agent) -> None:
    orders = list(permutations(agent.retained.values()))
    first = shown(found(agent, orders[0]))
    for order in orders[1:]:
        assert shown(found(agent, order)) == first, [type(m).__name__ for m in order]


@st.composite
def sidecars(draw: Any) -> Agent:
    """As a sidecar tells it: every report has all its planes, and a heartbeat follows whatever
    was said."""
    agent = Agent(numbered=True)
    planes = draw(st.lists(st.sampled_from(PLANES), min_size=1, unique=True))

    def report() -> dict[str, str]:
        return {plane: draw(CHECKS) for plane in planes}

    def born() -> None:
        agent.begins()
        agent.says(status, "running", versions={"sidecar": "1"}, checks=report())
        beats()

    def beats() -> None:
        codes = sorted(agent.firing)
        agent.says(beat, ok=draw(st.booleans()), checks=report(), alerts=codes, metrics={"x": 1})

    born()
    for _ in range(draw(st.integers(0, 6))):
        match draw(st.sampled_from(["beat", "status", "alert", "session"])):
            case "beat":
                beats()
            case "status":
                state = draw(st.sampled_from(["running", "degraded", "maintenance"]))
                version = {"sidecar": f"{draw(st.integers(1, 3))}"}
                agent.says(status, state, versions=version, checks=report())
                beats()
            case "alert":
                code = draw(st.sampled_from(CODES))
                usual = severity_of(code).value
                if agent.firing.pop(code, None) is None:
                    agent.firing[code] = usual
                state = "firing" if code in agent.firing else "resolved"
                agent.says(alert, code, state, severity=usual)
                beats()
            case "session":
                born()
    end = draw(st.sampled_from(["goes on", "leaves", "dies"]))
    if end == "leaves":
        agent.says(status, "offline", versions={"sidecar": "1"})
    elif end == "dies":
        agent.dies()
    return agent


@settings(max_examples=400, deadline=None)
@given(agent=sidecars(), again=st.booleans())
def test_the_broker_alone_tells_what_the_hub_knows(agent: Agent, again: bool) -> None:
    """But for what only somebody who listens can know: that reports contradict themselves twice
    in a row, and what a last will took the place of. A hub that restarts hears what is retained
    once more, which is no news."""
    hub = Story(Roster(interval=600), "larry")
    for message, at in agent.told:
        hub.hears(message, at=at)
    if again:
        for message in agent.retained.values():
            hub.hears(message, at=agent.now + 1.0, retained=True)
    alone = found(agent, tuple(agent.retained.values()))
    assert knowable(alone) == knowable(hub.roster.view("larry", agent.now + 1.0))


@settings(max_examples=600, deadline=None)
@given(agent=sidecars(), draw=st.data())
def test_an_outbox_that_is_late_changes_nothing(agent: Agent, draw: st.DataObject) -> None:
    """Heartbeats go out at once or not at all; statuses and alerts wait, in order, for a link. So a
    hub hears heartbeats before what was said before them, and never the other way round."""
    told = [message for message, _ in agent.told if message.seq is not None]
    beats = [message for message in told if message.kind_of_message == "heartbeat"]
    waiting = [message for message in told if message.kind_of_message != "heartbeat"]
    heard = Story(Roster(interval=600), "larry")
    late = Story(Roster(interval=600), "larry")
    for number, message in enumerate(told):
        heard.hears(message, at=agent.now + number)
    number = 0
    while beats or waiting:
        due = waiting and (
            not beats or (waiting[0].boot, waiting[0].seq) < (beats[0].boot, beats[0].seq)
        )
        from_outbox = due and (not beats or draw.draw(st.booleans()))
        message = waiting.pop(0) if from_outbox else beats.pop(0)
        late.hears(message, at=agent.now + number)
        number += 1
    now = agent.now + len(told)
    assert undisputed(late.roster.view("larry", now)) == undisputed(heard.roster.view("larry", now))


def undisputed(view: AgentView) -> dict[str, Any]:
    """What is shown, but for contradictions between reports, which depend on their order, and holes
    in the numbers, which fill by and by."""
    told = knowable(view)
    for code in ("telemetry-dissent", "seq-gap", "clock-skew"):
        told["severities"].pop(code, None)
    told["alerts"] = sorted(told["severities"])
    told.pop("state")  # a hole or a dissent is part of it
    return told


def knowable(view: AgentView) -> dict[str, Any]:
    told = shown(view)
    told["alerts"] = [code for code in told["alerts"] if code != "telemetry-dissent"]
    told["severities"].pop("telemetry-dissent", None)
    if told["says"] == "offline" and not told["goodbye"]:
        del told["versions"]
    return told


def test_what_comes_late_without_a_number_is_dated() -> None:
    agent = Agent(numbered=False)
    agent.says(status, "running", checks={"work": "pass"})
    agent.says(beat, ok=False, checks={"work": "fail"}, alerts=[], metrics={"x": 5})
    old = status("running", ts=NOON - 300.0, checks={"work": "pass"}, metrics={"x": 1})
    fired = alert("restart-loop", "firing", ts=NOON - 200.0)
    story = Story(Roster(interval=600), "larry")
    for message in (*(message for message, _ in agent.told), old, fired):
        story.hears(message, at=agent.now)
    view = story.roster.view("larry", agent.now)
    assert (view.checks, view.metrics, view.alerts) == ({"work": "fail"}, {"x": 5}, ())


def test_an_older_retained_status_does_not_override_a_newer_heartbeat() -> None:
    """As seen with real processes: `work pass` in one place and `work fail` in another."""
    agent = Agent(numbered=True)
    agent.begins()
    agent.says(status, "running", checks={"work": "pass"})
    agent.says(beat, ok=False, checks={"work": "fail"})
    for order in permutations(agent.retained.values()):
        assert found(agent, order).checks == {"work": "fail"}
