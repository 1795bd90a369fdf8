"""Answers for a language model: the verdict first, short, and no word that an agent chose.

Every text goes through `fleet.mcp.words`. Unknown and absent are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fleet.contract.vocabulary import (
    AlertState,
    Kind,
    MessageKind,
    Notice,
    Severity,
    State,
    Verb,
)
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.agent_view import AgentView
from fleet.domain.problems import HUB, exit_code, problems_of
from fleet.domain.verdict import Verdict
from fleet.fleet_state import FleetState
from fleet.mcp import words as say
from fleet.mcp.words import Words, merged, word

MOST: Final = 50
"""Lines of a list; a model's context is not for a thousand healthy agents."""

NAMED: Final = 20
"""Problems named in the one line of `check`; the rest is counted."""


def check_answer(state: FleetState, words: Words) -> str:
    """One word as `fleet check` ends with, and who is not well."""
    if not (state.views or state.own):
        return shortened(["UNKNOWN: no agent has been heard of."], state.note)
    every = [f"{words.whose(p)}: {words.problem(p)}" for p in state.problems if not p.held]
    every += [
        f"{words.agent(view.agent)} {view.state.value}"
        for view in state.views
        if view.state is Verdict.UNKNOWN
    ]
    told = list(merged(every))
    found = ", ".join(told[:NAMED]) + (f" and {len(told) - NAMED} more" * (len(told) > NAMED))
    line = f"{state.exit_code.name}: {len(state.views)} agents{f': {found}' if found else ''}"
    return shortened([line], state.note)


def fleet_answer(state: FleetState, words: Words) -> str:
    """The whole fleet: the word of `check`, problems, then the agents that are not ok."""
    views = state.views
    if not (views or state.own):
        return shortened(["UNKNOWN: no agent has been heard of."], state.note)
    counts = {verdict: sum(view.state is verdict for view in views) for verdict in Verdict}
    summary = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    lines = [f"{state.exit_code.name}: {len(views)} agents: {summary}."]
    lines += merged(
        f"- {p.severity.value} {words.whose(p)}: {words.problem(p)}" for p in state.problems
    )
    lines += merged(_line(view, words) for view in views if view.state is not Verdict.OK)
    return shortened(lines, state.note)


def _line(view: AgentView, words: Words) -> str:
    heard = f", heard {span(view.age)}" if words.knows(view.agent) else ""
    return f"- {words.agent(view.agent)}: {view.state.value}{heard}"


def agent_answer(view: AgentView, words: Words, note: str = "") -> str:
    """One agent: the word of `fleet check` for it, its state and what is wrong, then every fact,
    `unknown` where nobody knows."""
    problems = ", ".join(
        merged(f"{p.severity.value} {words.problem(p)}" for p in problems_of([view]))
    )
    facts = {
        "heard": span(view.age),
        "says": word(State, view.says),
        "uptime": "unknown" if view.uptime is None else f"{say.number(view.uptime)} s",
        "kind": word(Kind, view.kind),
        "versions": say.versions(view.versions),
        "checks": words.checks(view.checks),
        "problems": problems or "none",
        "alerts": words.codes(view.alerts),
        "clock skew": "unknown" if view.skew is None else f"{say.number(view.skew)} s",
        "missing messages": say.number(view.missing),
        "config": say.config(view.config),
        "metrics": say.metrics(view.metrics),
    }
    wrong = f"; {problems}" if problems else ""
    first = f"{exit_code([view]).name}: {words.agent(view.agent)}: {view.state.value}{wrong}."
    return shortened([first, *(f"- {name}: {value}" for name, value in facts.items())], note)


def versions_answer(views: Sequence[AgentView], words: Words) -> str:
    """Which versions run, and where agents of a kind differ."""
    from fleet.domain.drift import drift_of

    drifts = drift_of(views)
    known = [view for view in views if view.versions]
    lines = [f"{'DRIFT' if drifts else 'OK'}: versions of {len(known)} of {len(views)} agents."]
    for d in drifts:
        part = d.what.removesuffix(" version")
        what = d.what if part in say.PARTS or d.what == "config" else "an unknown part"
        value = say.config(d.value) if d.what == "config" else say.version(d.value)
        lines.append(f"- {d.group} {what} {value}: {words.agents(d.agents)}")
    lines += merged(f"- {words.agent(view.agent)}: {say.versions(view.versions)}" for view in known)
    return shortened(lines)


def alerts_answer(alerts: Sequence[Mapping[str, Any]], words: Words) -> str:
    """Alerts that fire, from the hub's own list."""
    lines = []
    for alert in alerts:
        extra = ", acknowledged" if alert.get("acknowledged_by") else ""
        extra += ", flapping" if alert.get("flapping_since") else ""
        extra += ", silenced" if alert.get("silenced") else ""
        who = words.subject(alert.get("agent") or HUB, alert.get("site", ""))
        since = say.moment(alert["since"])
        what = f"{word(Severity, alert['severity'])} {who}: {words.code(alert['code'])}"
        lines.append(f"- {what} since {since}{extra}")
    return shortened([f"{'FIRING' if alerts else 'OK'}: {len(alerts)} alerts.", *merged(lines)])


def history_answer(messages: Sequence[Mapping[str, Any]], words: Words) -> str:
    """Stored messages, newest first, one line each."""
    lines = [f"{len(messages)} messages, newest first." if messages else "NONE: no such message."]
    for item in reversed(messages):
        who = words.agent(item["agent"]) if item["agent"] else "all"
        kind = word(MessageKind, item["kind"])
        lines.append(f"- {say.moment(item['ts'])} {who} {kind}: {_said(item, words)}")
    return shortened(lines)


def _said(item: Mapping[str, Any], words: Words) -> str:
    message = item["message"]
    if item["kind"] == MessageKind.HEARTBEAT:
        return "ok" if message["ok"] is True else "not ok"
    if item["kind"] == MessageKind.ALERT:
        severity, state = word(Severity, message["severity"]), word(AlertState, message["state"])
        return f"{severity} {words.code(message['code'])} {state}"
    if item["kind"] == MessageKind.PROGRESS:
        return f"{word(TaskState, message['state'])} {int(message['progress'])}%"
    if item["kind"] == MessageKind.TASK:
        return f"offered, epoch {int(message['epoch'])}"
    for field, vocabulary in (("state", State), ("verb", Verb), ("notice", Notice)):
        if message.get(field):
            return word(vocabulary, message[field])
    return "unknown"


def audit_answer(reports: Sequence[Mapping[str, Any]]) -> str:
    """The newest audit: verdict, then rules with counts; never a value."""
    if not reports:
        return "UNKNOWN: no audit has run yet."
    newest = reports[0]
    verdict = "VIOLATIONS" if newest["findings"] else "GAPS" if newest["gaps"] else "CLEAN"
    counts = {what: say.number(newest[what]) for what in ("messages", "findings", "gaps")}
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    lines = [f"{verdict}: audit of {say.moment(newest['ts'])}: {told}."]
    rules = sorted(newest["rules"].items())
    return shortened([*lines, *(f"- {say.rule(rule)}: {say.number(n)}" for rule, n in rules)])


def command_answer(verb: str, outcomes: Mapping[str, str], words: Words) -> str:
    """How a command ended at each agent; the outcomes are words of ours."""
    done = sum(outcome.startswith("done") for outcome in outcomes.values())
    verdict = "DONE" if done == len(outcomes) else "NOT ALL DONE"
    lines = [f"{verdict}: {word(Verb, verb)}: {done} of {len(outcomes)} done."]
    ends = merged(f"- {words.agent(agent)}: {how}" for agent, how in sorted(outcomes.items()))
    return shortened([*lines, *ends])


def span(seconds: float | None) -> str:
    return "never or unknown" if seconds is None else f"{seconds:.0f} s ago"


def shortened(lines: Iterable[str], note: str = "") -> str:
    """`lines`, as many as fit; `note`, which says what is not known, is never left out."""
    every = list(lines)
    room = MOST - bool(note)
    if len(every) > room:
        left = len(every) - room + 1
        every = [*every[: room - 1], f"… and {left} more lines; ask for one agent."]
    return "\n".join([*every, f"- note: {note}"] if note else every)
