"""What may be wrong with a rollout, or with what is asked of one."""

from __future__ import annotations

from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.domain.work.errors import WorkError


class InvalidPlanError(WorkError):
    """A part of a plan is not usable. `field` names it."""

    code = "invalid-plan"
    status = 422

    def __init__(self, field: str, why: str, remedy: str) -> None:
        self.field = field
        super().__init__(f"the rollout cannot be taken: {field}", why, remedy)


class NobodyError(WorkError):
    """No agent is left to update."""

    code = "nobody"
    status = 422

    def __init__(self, version: str, why: str) -> None:
        super().__init__(f"nobody is to be updated to {version}", why, "fleet status -o wide")


class UnknownRolloutError(WorkError):
    """No such rollout."""

    code = "unknown-rollout"
    status = 404

    def __init__(self, id_: str) -> None:
        self.id = id_
        super().__init__(
            f"there is no rollout {id_}", "its id is not known here", "fleet rollout list"
        )


class RolloutConflictError(WorkError):
    """The id names another rollout, an agent is in another one, or somebody else was faster."""

    code = "rollout-conflict"
    status = 409


class WrongRolloutStateError(WorkError):
    """The rollout is in a state that has no such step."""

    code = "wrong-rollout-state"
    status = 409

    def __init__(self, id_: str, state: RolloutState, step: str) -> None:
        self.state = state
        super().__init__(
            f"rollout {id_} is {state}", f"{step} does not go with that",
            f"fleet rollout status {id_}",
        )  # fmt: skip


class WrongStepError(WorkError):
    """A defect of ours: an agent's state has no such step. It is raised, and nothing is saved."""

    code = "wrong-step"
    status = 409

    def __init__(self, agent: str, state: ExecutionState, step: str) -> None:
        super().__init__(f"{agent} is {state}", f"{step} does not go with that", "")
