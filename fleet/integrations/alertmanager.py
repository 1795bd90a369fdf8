"""Alertmanager: grouping, inhibition and one receiver."""

from __future__ import annotations

from typing import Any, Final

from fleet.contract.vocabulary import Severity
from fleet.integrations.prometheus import dump

RECEIVER: Final = "operators"

_HUB_BLIND: Final = 'alertname=~"FleetHubDown|FleetLinkDown|FleetIntakePaused"'
"""While the hub sees nothing, what it says of agents is old."""

_ABOUT_AGENTS: Final = 'alertname=~"FleetAgent.*|FleetOutbox.*|FleetManyAgentsDown|FleetClockSkew"'


def files(webhook: str | None) -> dict[str, str]:
    """Contents by file name; `webhook` is where the receiver posts, None for nowhere yet."""
    return {"alertmanager.yml": dump(configuration(webhook))}


def configuration(webhook: str | None) -> dict[str, Any]:
    """What `alertmanager --config.file` takes."""
    receiver: dict[str, Any] = {"name": RECEIVER}
    if webhook:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    return {
        "route": {
            "receiver": RECEIVER,
            "group_by": ["alertname"],  # a dead switch is one message, not fifty
            "group_wait": "10s",
            "group_interval": "2m",
            "repeat_interval": "4h",
            "routes": [
                {
                    "receiver": RECEIVER,
                    "matchers": [f'severity="{Severity.CRITICAL}"'],
                    "repeat_interval": "1h",
                }
            ],
        },
        "inhibit_rules": [
            {"source_matchers": [_HUB_BLIND], "target_matchers": [_ABOUT_AGENTS]},
            {
                "source_matchers": ['alertname=~"FleetAgentOffline|FleetAgentStale"'],
                "target_matchers": ['alertname=~"FleetAgentLate|FleetAgentDegraded"'],
                "equal": ["agent"],
            },
            {
                "source_matchers": ['alertname="FleetDeadLetterFlood"'],
                "target_matchers": ['alertname="FleetRejects"'],
            },
        ],
        "receivers": [receiver],
    }
