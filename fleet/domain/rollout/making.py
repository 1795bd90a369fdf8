"""Who takes part in a rollout, in which order and wave; and who does not, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from fleet.contract.vocabulary import Check, Word
from fleet.domain.rollout.errors import InvalidPlanError, NobodyError
from fleet.domain.rollout.look import Look
from fleet.domain.rollout.plan import MAX_AGENTS, Plan, wave_sizes
from fleet.domain.rollout.rollout import Execution


class LeftOut(Word):
    """Why an agent that was asked for takes no part."""

    CURRENT = "current", "it runs this version already"
    DENIED = "denied", "it refused this version, or was rolled back from it"
    BUSY = "busy", "another rollout has it"
    NO_GROUP = "no-group", "it has no part in work"


class Made(NamedTuple):
    """Who takes part, and who does not."""

    executions: list[Execution]
    left_out: dict[str, LeftOut]


_WORKS: Final = Check.PASS


def made(
    plan: Plan,
    agents: Sequence[str],
    looks: Mapping[str, Look],
    groups: Mapping[str, str],
    denied: Collection[str],
    busy: Collection[str],
) -> Made:
    """The executions: who is here before who is away, then by name.

    Raises:
        InvalidPlanError, NobodyError: there is no such rollout.
    """
    plan.require_valid()
    left_out: dict[str, LeftOut] = {}
    taking: list[str] = []
    for agent in sorted(set(agents)):
        if not groups.get(agent):
            left_out[agent] = LeftOut.NO_GROUP
        elif looks[agent].version == plan.version:
            left_out[agent] = LeftOut.CURRENT
        elif agent in busy:
            left_out[agent] = LeftOut.BUSY
        elif agent in denied:
            left_out[agent] = LeftOut.DENIED
        else:
            taking.append(agent)
    if not taking:
        raise NobodyError(plan.version, _told(left_out))
    if len(taking) > MAX_AGENTS:
        raise InvalidPlanError("agents", f"they are more than {MAX_AGENTS}", "--group GROUP")
    taking.sort(key=lambda agent: not looks[agent].here)
    sizes = wave_sizes(plan.waves, len(taking))
    executions = [
        Execution(
            agent,
            groups[agent],
            number,
            1 + sum(number >= size for size in sizes),
            before=looks[agent].version,
            worked=looks[agent].work is _WORKS,
        )
        for number, agent in enumerate(taking)
    ]
    return Made(executions, left_out)


def _told(left_out: Mapping[str, LeftOut]) -> str:
    if not left_out:
        return "no agent fits"
    some = [f"{agent}: {why.meaning}" for agent, why in list(left_out.items())[:3]]
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return "; ".join(some) + more
