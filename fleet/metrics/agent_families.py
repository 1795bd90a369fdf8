"""Every metric family about agents, in the order of the exposition; the docs are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric family; `series` says how many series an agent may have in it.

    Compared by identity: it is a key in every line of the exposition.
    """

    name: str
    type: str
    help: str
    labels: tuple[str, ...]
    series: str = "1"

    @property
    def sample_names(self) -> frozenset[str]:
        """Names that no other family may use: one agent's choice must not break the scrape."""
        if self.type != "counter":
            return frozenset({self.name})
        base = self.name.removesuffix("_total")
        return frozenset({base, self.name, f"{base}_created"})

    def header(self, *, openmetrics: bool) -> str:
        """HELP and TYPE lines; OpenMetrics names a counter's family without `_total`."""
        name = self.name.removesuffix("_total") if openmetrics else self.name
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.type}\n"


UP: Final = Family(
    "fleet_agent_up",
    "gauge",
    "1 if the agent is heard in time and says it works, else 0",
    ("agent",),
)
STATE: Final = Family(
    "fleet_agent_state", "gauge", "1 for the hub's verdict of the agent", ("agent", "state")
)
AGE: Final = Family(
    "fleet_agent_heartbeat_age_seconds", "gauge", "time since the last sign of life", ("agent",)
)
INTERVAL: Final = Family(
    "fleet_agent_interval_seconds", "gauge", "time from one bus heartbeat to the next", ("agent",)
)
UPTIME: Final = Family(
    "fleet_agent_uptime_seconds",
    "gauge",
    "time since the agent's process started, as it last said",
    ("agent",),
)
SKEW: Final = Family(
    "fleet_agent_clock_skew_seconds", "gauge", "the agent's clock minus the hub's", ("agent",)
)
MISSING: Final = Family(
    "fleet_agent_missing_messages",
    "gauge",
    "messages of the session that did not arrive",
    ("agent",),
)
CHECK: Final = Family(
    "fleet_agent_check",
    "gauge",
    "1 for the result of a plane: pass, warn, fail or unknown",
    ("agent", "plane", "result"),
    "one a plane: 9, and what ADRs add",
)
INFO: Final = Family(
    "fleet_agent_info",
    "gauge",
    "1, with what runs, or ran last",
    ("agent", "kind", "version", "sidecar", "runtime"),
)
FAMILIES: Final = (UP, STATE, AGE, INTERVAL, UPTIME, SKEW, MISSING, CHECK, INFO)

KEPT_WHILE_DOWN: Final = (UP, STATE, AGE, INTERVAL, INFO)
"""What an agent has as long as the hub knows it. All else is a measurement of something that runs:
it ends while `fleet_agent_up` is 0, as the series of a target that Prometheus cannot scrape do."""

METRIC_PREFIX: Final = "fleet_agent_metric_"
METRIC_HELP: Final = "declared by agents, in base units"
MAX_METRIC_NAMES: Final = 200
"""Families that agents may bring into being; beyond it new names are counted, not exported."""


def metric_family(name: str) -> Family:
    """The family of a metric that agents declare; `_total` makes it a counter."""
    kind = "counter" if name.endswith("_total") else "gauge"
    return Family(f"{METRIC_PREFIX}{name}", kind, METRIC_HELP, ("agent",), "1 a name, 32 names")
