"""Rollouts and pairs for a language model: the verdict first, what wants a person before the rest.

A version may be an agent's choice, and so is said only in the usual form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet.contract.vocabulary import PairRole
from fleet.contract.work_vocabulary import TaskReason
from fleet.domain.failover.pair import Cause, Phase
from fleet.domain.failover.signs import Presence
from fleet.domain.rollout.states import FAILED, ExecutionState, RolloutState, Why
from fleet.mcp import words as say
from fleet.mcp.answers import shortened
from fleet.mcp.words import Words, merged, word
from fleet.mcp.work_answers import ulid

_E = ExecutionState
_GOING_ON: Final = (RolloutState.RUNNING, RolloutState.PAUSED)
_CALM: Final = (_E.COMMITTED, _E.QUEUED)
"""States of an agent that are told after all others."""


def rollouts_answer(found: Sequence[Mapping[str, Any]]) -> str:
    """Rollouts, newest first, a line each; whether one wants somebody is the verdict."""
    if not found:
        return "NONE: nothing was rolled out yet."
    lines = [f"{_worst(found)}: {len(found)} rollouts, newest first."]
    return shortened([*lines, *(f"- {_rollout_line(one)}" for one in found)])


def rollout_answer(one: Mapping[str, Any], words: Words) -> str:
    """One rollout and its agents: those that failed or are being changed first."""
    agents = sorted(one["agents"], key=lambda each: each["state"] in _CALM)
    gate = f"verify {say.number(one['verify'])} s, soak {say.number(one['soak'])} s"
    lines = [
        f"{_worst([one])}: {_rollout_line(one)}",
        f"- gate: runs the version and works again; {gate}",
    ]
    return shortened([*lines, *merged(f"- {_agent_line(each, words)}" for each in agents)])


def pairs_answer(found: Sequence[Mapping[str, Any]], words: Words) -> str:
    """Pairs, those that wait for a person first."""
    if not found:
        return "NONE: there is no pair."
    manual = [one for one in found if one["needs_person"] is not None]
    frozen = any(one["frozen"] is True for one in found)
    verdict = "MANUAL" if manual else "FROZEN" if frozen else "OK"
    lines = [f"{verdict}: {len(manual)} of {len(found)} pairs wait for a person."]
    lines += merged(
        f"- {_pair_line(one, words)}" for one in (*manual, *(o for o in found if o not in manual))
    )
    note = "too much of the fleet is silent, so no pair fails over" if frozen else ""
    return shortened(lines, note)


def _worst(found: Sequence[Mapping[str, Any]]) -> str:
    broken = sum(_count(one, _E.ROLLBACK_FAILED) for one in found)
    if broken:
        return f"ROLLBACK FAILED on {broken} agents, look at them now"
    if any(one["state"] in _GOING_ON for one in found):
        return "GOING ON"
    return "ABORTED" if found[0]["state"] == RolloutState.ABORTED else "OK"


def _count(one: Mapping[str, Any], *states: ExecutionState) -> int:
    counts = one["counts"]
    return sum(int(counts[state]) for state in states)


def _rollout_line(one: Mapping[str, Any]) -> str:
    why = f" ({_reason(one['why'])})" if one["why"] else ""
    return (
        f"{ulid(one['id'])} to version {say.version(one['version'])}: "
        f"{word(RolloutState, one['state'])}{why}, wave {say.number(one['wave'])}, "
        f"{_count(one, _E.COMMITTED)} of {_count(one, *_E)} committed, "
        f"{_count(one, *FAILED)} failed, {_count(one, _E.QUEUED)} not asked"
    )


def _agent_line(one: Mapping[str, Any], words: Words) -> str:
    facts = [
        word(ExecutionState, one["state"]),
        f"runs {say.version(one['running']) if one['running'] else 'unknown'}",
        f"before {say.version(one['from']) if one['from'] else 'unknown'}",
    ]
    if one["reason"]:
        facts.append(f"because {_reason(one['reason'])}")
    if one["lacks"]:
        facts.append(f"waits: {_reason(one['lacks'])}")
    if one["until"]:
        facts.append(f"until {say.moment(one['until'])}")
    if one["away"]:
        facts.append("away")
    return f"{words.agent(one['agent'])} wave {say.number(one['wave'])}: {', '.join(facts)}"


def _reason(text: object) -> str:
    found = word(Why, text)
    return found if found in set(Why) else word(TaskReason, text)


def _pair_line(one: Mapping[str, Any], words: Words) -> str:
    members = [_member(member, words) for member in one["members"]]
    auto = "fails over by itself" if one["auto"] is True else "changes by a person's word only"
    where = f"{word(Phase, one['phase'])} ({word(Cause, one['cause'])})"
    told = f"{where}, epoch {say.number(one['epoch'])}"
    step = (
        "; a person must look at the first, and decide" if one["needs_person"] is not None else ""
    )
    return f"{' and '.join(members)}: {told}, {auto}{step}"


def _member(one: Mapping[str, Any], words: Words) -> str:
    fences = {True: "fences itself", False: "does not fence itself"}.get(one["fences"])
    told = [word(PairRole, one["role"]), word(Presence, one["presence"]), fences or "fence unknown"]
    return f"{words.agent(one['agent'])} ({', '.join(told)})"
