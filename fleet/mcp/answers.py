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
from fleet.domain.problems import HUB
from fleet.domain.verdict import Verdict
from fleet.fleet_page import FleetPage
from fleet.mcp import words as say
from fleet.mcp.words import Words, merged, word

MOST: Final = 50
"""Lines of a list; a model's context is not for a thousand healthy agents."""

NAMED: Final = 20
"""Problems, or agents, named in one line; the rest is counted."""


def check_answer(page: FleetPage, words: Words) -> str:
    """One word as `fleet check` ends with, and who is not well."""
    found = page.found
    if not (found.agents or page.own):
        return shortened(["UNKNOWN: no agent has been heard of."], page.note)
    problems = (*page.own, *page.problems)
    every = [f"{words.whose(p)}: {words.problem(p)}" for p in problems if not p.held]
    unknown = [view for view in page.views if view.state is Verdict.UNKNOWN]
    every += [f"{words.agent(view.agent)} {view.state.value}" for view in unknown]
    told = list(merged(every))
    left = max(0, len(told) - NAMED) + page.more_problems + page.more_agents.get(Verdict.UNKNOWN, 0)
    wrong = ", ".join(told[:NAMED]) + (f" and {left} more" if left else "")
    line = f"{page.exit_code.name}: {found.agents} agents{f': {wrong}' if wrong else ''}"
    return shortened([line], page.note)


def fleet_answer(page: FleetPage, words: Words) -> str:
    """The word of `check`, problems, then the agents that are not ok: of the whole fleet, or of
    those that were asked for."""
    if not (page.found.agents or page.own):
        return shortened(["UNKNOWN: no agent has been heard of."], page.note)
    states = page.found.states
    summary = ", ".join(f"{states[one]} {one.value}" for one in Verdict if states.get(one))
    lines = [f"{page.exit_code.name}: {page.found.agents} agents: {summary}."]
    lines += merged(
        f"- {p.severity.value} {words.whose(p)}: {words.problem(p)}"
        for p in (*page.own, *page.problems)
    )
    lines += merged(_line(view, words) for view in page.views if view.state is not Verdict.OK)
    return shortened(lines, page.note, _beyond(page))


def _beyond(page: FleetPage) -> str:
    """What is left out of a page, in numbers, and how to see of it what matters."""
    unwell = {of: count for of, count in page.more_agents.items() if of is not Verdict.OK}
    left = [f"{page.more_problems} more problems"] if page.more_problems else []
    left += [f"{count} more {of.value}" for of, count in unwell.items()]
    return f"… and {', '.join(left)}; ask status with a state or a group." if left else ""


def _line(view: AgentView, words: Words) -> str:
    heard = f", heard {span(view.age)}" if words.knows(view.agent) else ""
    return f"- {words.agent(view.agent)}: {view.state.value}{heard}"


def agent_answer(page: FleetPage, words: Words) -> str:
    """One agent, who is the first of the page: the word of `fleet check` for it, its state and what
    is wrong, then every fact, `unknown` where nobody knows."""
    view = page.views[0]
    problems = ", ".join(merged(f"{p.severity.value} {words.problem(p)}" for p in page.problems))
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
    first = f"{page.exit_code.name}: {words.agent(view.agent)}: {view.state.value}{wrong}."
    return shortened([first, *(f"- {name}: {value}" for name, value in facts.items())], page.note)


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
        more = f" and {len(d.agents) - NAMED} more" if len(d.agents) > NAMED else ""
        lines.append(f"- {d.group} {what} {value}: {words.agents(d.agents[:NAMED])}{more}")
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


def shortened(lines: Iterable[str], note: str = "", beyond: str = "") -> str:
    """`lines`, as many as fit; what is `beyond` them, and `note`, which says what is not known, are
    never left out."""
    every = list(lines)
    last = [*([beyond] if beyond else []), *([f"- note: {note}"] if note else [])]
    room = MOST - len(last)
    if len(every) > room:
        left = len(every) - room + 1
        every = [*every[: room - 1], f"… and {left} more lines; ask for one agent."]
    return "\n".join([*every, *last])
