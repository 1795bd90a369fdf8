"""What `agent-sidecar check` says of updates."""

from __future__ import annotations

from collections.abc import Iterator

from agent_sidecar.work.isolation.base import program
from agent_sidecar.work.update_plan import Rollback, UpdatePlan


def explained(plan: UpdatePlan) -> Iterator[str]:
    """Lines for a person: what may be asked for, and whether there is a way back."""
    yield f"update  to {' '.join(plan.allow)}, and back by {plan.rollback}"
    if plan.rollback is Rollback.NONE:
        yield "        warns   there is no way back from a version that does not do"
    elif plan.rollback is Rollback.PACKAGE:
        yield "        warns   what a new version made of its state does not come back"
    for argv in (plan.current, plan.snapshot, plan.install, plan.restart, plan.verify):
        try:
            program(argv[0]) if argv else None
        except OSError as error:
            yield f"        missing {error.strerror}"
