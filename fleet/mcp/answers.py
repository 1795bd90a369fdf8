"""Answers for a language model: the verdict first, short, and no word that is not the fleet's own.

Nothing that an agent wrote freely can stand here, since the contract has no field for it: names,
words of closed vocabularies, versions and numbers. Unknown and absent are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fleet.domain.agent_view import AgentView
from fleet.domain.problems import exit_code, problems_of
from fleet.domain.verdict import Verdict
from fleet.fleet_state import FleetState

MOST: Final = 50
"""Lines of a list; a model's context is not for a thousand healthy agents."""


NAMED: Final = 20
"""Problems named in the one line of `check`; the rest is counted."""


def check_answer(state: FleetState) -> str:
    """One word as `fleet check` ends with, and who is not well."""
    if not state.views:
        return "UNKNOWN: no agent has been heard of."
    loud = [str(problem) for problem in state.problems if not problem.held]
    silent = [f"{v.agent} {v.state.value}" for v in state.views if v.state is Verdict.UNKNOWN]
    every = [*loud, *silent]
    found = ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" * (len(every) > NAMED))
    line = f"{state.exit_code.name}: {len(state.views)} agents{f': {found}' if found else ''}"
    return shortened([line], state.note)


def fleet_answer(state: FleetState) -> str:
    """The whole fleet: the word of `check`, problems, then the agents that are not ok."""
    views = state.views
    if not views:
        return "UNKNOWN: no agent has been heard of."
    counts = {verdict: sum(view.state is verdict for view in views) for verdict in Verdict}
    summary = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    bad = [view for view in views if view.state is not Verdict.OK]
    lines = [f"{state.exit_code.name}: {len(views)} agents: {summary}."]
    lines += [f"- {p.severity.value} {p}" for p in state.problems]
    lines += [f"- {view.agent}: {view.state.value}, heard {span(view.age)}" for view in bad]
    return shortened(lines, state.note)


def agent_answer(view: AgentView, note: str = "") -> str:
    """One agent: the word of `fleet check` for it, its state and what is wrong, then every fact,
    `unknown` where nobody knows."""
    problems = ", ".join(problem.of_agent for problem in problems_of([view]))
    facts = {
        "heard": span(view.age),
        "says": word(view.says),
        "uptime": "unknown" if view.uptime is None else f"{view.uptime:.0f} s",
        "kind": word(view.kind),
        "versions": listed(view.versions),
        "checks": listed({plane: check.value for plane, check in view.checks.items()}),
        "problems": problems or "none",
        "alerts": ", ".join(view.alerts) or "none",
        "clock skew": "unknown" if view.skew is None else f"{view.skew:.1f} s",
        "missing messages": str(view.missing),
        "config": view.config or "unknown",
        "metrics": listed({name: f"{value:g}" for name, value in view.metrics.items()}),
    }
    wrong = f"; {problems}" if problems else ""
    first = f"{exit_code([view]).name}: {view.agent}: {view.state.value}{wrong}."
    return shortened([first, *(f"- {name}: {value}" for name, value in facts.items())], note)


def versions_answer(views: Sequence[AgentView]) -> str:
    """Which versions run, and where agents of a kind differ."""
    from fleet.domain.drift import drift_of

    drifts = drift_of(views)
    known = [view for view in views if view.versions]
    lines = [f"{'DRIFT' if drifts else 'OK'}: versions of {len(known)} of {len(views)} agents."]
    lines += [f"- {d.group} {d.what} {d.value}: {', '.join(d.agents)}" for d in drifts]
    lines += [f"- {view.agent}: {listed(view.versions)}" for view in known]
    return shortened(lines)


def alerts_answer(alerts: Sequence[Mapping[str, Any]]) -> str:
    """Alerts that fire, from the hub's own list."""
    lines = [f"{'FIRING' if alerts else 'OK'}: {len(alerts)} alerts."]
    for alert in alerts:
        extra = ", acknowledged" if alert.get("acknowledged_by") else ""
        extra += ", silenced" if alert.get("silenced") else ""
        who = alert.get("agent") or "hub"
        lines.append(f"- {alert['severity']} {who}: {alert['code']} since {alert['since']}{extra}")
    return shortened(lines)


def history_answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Stored messages, newest first, one line each."""
    lines = [f"{len(messages)} messages, newest first." if messages else "NONE: no such message."]
    for item in reversed(messages):
        message = item["message"]
        what = message.get("state") or message.get("verb") or message.get("notice")
        if item["kind"] == "heartbeat":
            what = "ok" if message["ok"] else "not ok"
        elif item["kind"] == "alert":
            what = f"{message['severity']} {message['code']} {message['state']}"
        lines.append(f"- {item['ts']} {item['agent'] or 'all'} {item['kind']}: {what}")
    return shortened(lines)


def audit_answer(reports: Sequence[Mapping[str, Any]]) -> str:
    """The newest audit: verdict, then rules with counts; never a value."""
    if not reports:
        return "UNKNOWN: no audit has run yet."
    newest = reports[0]
    verdict = "VIOLATIONS" if newest["findings"] else "GAPS" if newest["gaps"] else "CLEAN"
    lines = [
        f"{verdict}: audit of {newest['ts']}: {newest['messages']} messages, "
        f"{newest['findings']} findings, {newest['gaps']} gaps."
    ]
    lines += [f"- {rule}: {count}" for rule, count in sorted(newest["rules"].items())]
    return shortened(lines)


def command_answer(verb: str, outcomes: Mapping[str, str]) -> str:
    """How a command ended at each agent."""
    done = sum(outcome.startswith("done") for outcome in outcomes.values())
    verdict = "DONE" if done == len(outcomes) else "NOT ALL DONE"
    lines = [f"{verdict}: {verb}: {done} of {len(outcomes)} done."]
    return shortened([*lines, *(f"- {agent}: {how}" for agent, how in sorted(outcomes.items()))])


def span(seconds: float | None) -> str:
    return "never or unknown" if seconds is None else f"{seconds:.0f} s ago"


def word(value: object) -> str:
    return "unknown" if value is None else str(value)


def listed(values: Mapping[str, str] | None) -> str:
    """`a 1, b 2`; unknown where nobody said, none where nothing is there."""
    if values is None:
        return "unknown"
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "none"


def shortened(lines: Iterable[str], note: str = "") -> str:
    """`lines`, as many as fit; `note`, which says what is not known, is never left out."""
    every = list(lines)
    room = MOST - bool(note)
    if len(every) > room:
        left = len(every) - room + 1
        every = [*every[: room - 1], f"… and {left} more lines; ask for one agent."]
    return "\n".join([*every, f"- note: {note}"] if note else every)
