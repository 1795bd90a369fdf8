"""The metrics that our own sidecar declares; agents may add numbers under names of their own."""

from __future__ import annotations

from typing import Final

SIDECAR: Final = {
    "outbox_messages": "messages that wait in the sidecar's outbox for the hub's receipt",
    "outbox_dropped_total": "messages the outbox had to give up because it was full",
    "rejected_total": "messages and commands the sidecar refused",
    "publish_denied_total": "publishes the broker refused",
    "connects_total": "times the sidecar connected to the broker",
}
"""What every sidecar declares of itself."""

PROBES: Final = {
    "channels": "message channels of the agent",
    "channels_failed": "those of them that are refused or lost",
    "cpu_seconds_total": "CPU time of the agent",
    "cron_jobs": "scheduled jobs of the agent",
    "cron_jobs_failed": "those of them whose last run failed",
    "cron_jobs_overdue": "those of them whose run is overdue",
    "disk_available_bytes": "room left on the agent's disk",
    "disk_size_bytes": "size of the agent's disk",
    "endpoint_latency_seconds": "time that the health endpoint took to answer",
    "errors_total": "model calls that failed",
    "memory_available_bytes": "memory left to the agent",
    "memory_bytes": "memory that the agent uses",
    "memory_size_bytes": "memory that the agent may use in all",
    "model_calls_total": "model calls",
    "processes": "processes of the agent",
    "restarts_total": "restarts of the agent that the sidecar saw",
    "tokens_input_total": "tokens sent to the model",
    "tokens_output_total": "tokens that the model sent",
    "work_age_seconds": "time since the last useful work",
}
"""What its probes add, each where it is configured."""

DECLARED: Final = SIDECAR | PROBES
