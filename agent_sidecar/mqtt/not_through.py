"""Why a one-shot run did not get everything through, in words."""

from __future__ import annotations

from agent_sidecar.mqtt.connection import BrokerConnection
from agent_sidecar.one_shot import NotThroughError


def require_all_sent(connection: BrokerConnection) -> None:
    """
    Raises:
        NotThroughError: the broker takes no message as large as one of ours.
    """
    if connection.counters.set_aside:
        lack = connection.ability.too_large
        raise NotThroughError("a message is set aside", lack.sentence, lack.remedy)


def not_through(connection: BrokerConnection) -> NotThroughError:
    """What to raise when the time is up."""
    broker = connection.broker
    if connection.up:
        why = f"{broker} did not acknowledge; what matters stays in the outbox"
        remedy = "agent-sidecar check, or a longer --timeout"
        return NotThroughError("not everything got through in time", why, remedy)
    return NotThroughError(
        f"no link to {broker}", connection.why or "no answer in time", connection.remedy
    )
