"""What was done to the fleet in the time of a report: rollouts, and pairs that changed.

Names of agents, versions, states and words of closed vocabularies; nothing of what agents do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fleet.contract.timestamps import timestamp
from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.domain.rollout.states import FAILED, ExecutionState
from fleet.store.rollout_port import Whole

_NAMED: Final = 8
"""Agents named in a sentence; the JSON report has all."""

_FENCED: Final = "the other laid down, its lease ran out, or a person vouched for its stop"
FENCES: Final = {
    Phase.STEADY: _FENCED,
    Phase.FENCING: "not yet: the one that was active must lay down",
    Phase.PROMOTING: _FENCED,
    Phase.MANUAL: "none: a person must say that it is stopped",
}
"""By where a pair is: what keeps the other one from being active, too."""


def operations(wholes: Iterable[Whole], pairs: Iterable[Pair], since: float) -> dict[str, Any]:
    """Rollouts that went on since then, and pairs whose last change is of then."""
    going_on = (
        whole
        for whole in wholes
        if whole.rollout.started is not None
        and (whole.rollout.ended is None or whole.rollout.ended >= since)
    )
    changed = (pair for pair in pairs if pair.since >= since and pair.cause is not Cause.CREATED)
    return {
        "rollouts": [_rollout(whole) for whole in going_on],
        "pairs": [_pair(pair) for pair in changed],
    }


def _rollout(whole: Whole) -> dict[str, Any]:
    one = whole.rollout
    return {
        "id": one.id,
        "to": one.plan.version,
        "from": sorted({each.before for each in whole.executions if each.before}),
        "by": one.by,
        "waves": one.plan.waves,
        "opened": one.wave,
        "state": one.state.value,
        "why": one.why or None,
        "started": None if one.started is None else timestamp(one.started),
        "ended": None if one.ended is None else timestamp(one.ended),
        "agents": {
            each.agent: each.state.value + (f" ({each.reason})" if each.reason else "")
            for each in whole.executions
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "active": pair.active,
        "standby": pair.standby,
        "epoch": pair.epoch,
        "phase": pair.phase.value,
        "why": pair.cause.value,
        "fence": "none was needed" if pair.cause is Cause.RETURNED else FENCES[pair.phase],
        "at": timestamp(pair.since),
        "removed": pair.removed,
    }


def sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """A line each."""
    for one in told.get("rollouts", ()):
        before = ", ".join(one["from"]) or "unknown"
        states = {name: state.partition(" ")[0] for name, state in one["agents"].items()}
        counts = Counter(states.values())
        ends = ", ".join(f"{counts[s.value]} {s}" for s in ExecutionState if counts[s.value])
        why = f" ({one['why']})" if one["why"] else ""
        failed = [
            name for name, state in one["agents"].items() if state.partition(" ")[0] in FAILED
        ]
        worst = f"; failed: {_named(failed)}" if failed else ""
        yield (
            f"rollout {one['id']} by {one['by'] or 'nobody known'}: {before} to {one['to']}, "
            f"waves {one['waves']} ({one['opened']} opened), {one['state']}{why}: {ends}{worst}"
        )
    for one in told.get("pairs", ()):
        gone = ", removed since" if one["removed"] else ""
        yield (
            f"pair {one['pair']}: {one['active']} holds, {one['standby']} stands by, epoch "
            f"{one['epoch']}, {one['phase']} since {one['at']} ({one['why']}), "
            f"fence: {one['fence']}{gone}"
        )


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
