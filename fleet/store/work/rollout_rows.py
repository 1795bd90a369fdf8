"""Rollouts and executions as JSON texts, and back; each pair stands together."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fleet.domain.rollout.plan import OnAbort, Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, RolloutState


def rollout_text(rollout: Rollout) -> str:
    return json.dumps(asdict(rollout), separators=(",", ":"))


def rollout(text: str) -> Rollout:
    found: dict[str, Any] = json.loads(text)
    plan = Plan(**found["plan"] | {"on_abort": OnAbort(found["plan"]["on_abort"])})
    return Rollout(**found | {"plan": plan, "state": RolloutState(found["state"])})


def execution_text(execution: Execution) -> str:
    return json.dumps(asdict(execution), separators=(",", ":"))


def execution(text: str) -> Execution:
    found: dict[str, Any] = json.loads(text)
    return Execution(**found | {"state": ExecutionState(found["state"])})
