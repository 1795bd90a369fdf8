"""Families about work by reference: states, ages and counts; nothing of what tasks are about."""

from __future__ import annotations

from typing import Final

from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.domain.work.limits import MAX_KINDS
from fleet.metrics.agent_families import Family

TASKS: Final = Family(
    "fleet_tasks",
    "gauge",
    "tasks that have not ended, by state",
    ("state",),
    f"one a state: {len(TaskState) - len(FINAL)}",
)
TASKS_ENDED: Final = Family(
    "fleet_tasks_ended_total",
    "counter",
    "tasks that ended, by how",
    ("state",),
    f"one an end: {len(FINAL)}",
)
QUEUE_AGE: Final = Family(
    "fleet_task_queue_age_seconds",
    "gauge",
    "how long the task is due that waits longest for an agent; 0: none waits",
    (),
    "1",
)
ATTEMPTS: Final = Family(
    "fleet_task_attempts_total", "counter", "tasks that an agent claimed, each time", (), "1"
)
EXPIRIES: Final = Family(
    "fleet_task_lease_expiries_total", "counter", "leases that ran out under a worker", (), "1"
)
SECONDS: Final = Family(
    "fleet_task_seconds_total",
    "counter",
    "seconds from claim to end of attempts that completed",
    ("kind",),
    f"one a kind, at most {MAX_KINDS + 1}",
)
COMPLETED: Final = Family(
    "fleet_task_completed_attempts_total",
    "counter",
    "attempts that completed",
    ("kind",),
    f"one a kind, at most {MAX_KINDS + 1}",
)

WORK_FAMILIES: Final = (TASKS, TASKS_ENDED, QUEUE_AGE, ATTEMPTS, EXPIRIES, SECONDS, COMPLETED)
