"""`fleet verify`: hold what the bus claims against Docker or systemd."""

from __future__ import annotations

import contextlib

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import finish, paint, say, with_connection, with_output, write_json
from fleet.cli.wrong_calls import unknown_agent
from fleet.contract.topics import is_agent_name
from fleet.settings import Settings


@click.command()
@click.argument("agent", shell_complete=complete_agents)
@click.option("--container", help="Docker container; default: the agent's label container.")
@click.option("--unit", help="systemd unit; default: the agent's label unit.")
@click.option("--docker", "docker_url", help="unix://, tcp:// or ssh:// of the Docker daemon.")
@with_output("text", "json")
@with_connection
def verify(
    settings: Settings,
    agent: str,
    container: str | None,
    unit: str | None,
    docker_url: str | None,
    output: str,
) -> int:
    """Ask a second source about AGENT. Exit 0: both agree, 1: they do not, 3: it cannot be told.

    Where a hub serves this home, or FLEET_HUB names one, dissent raises its alert
    telemetry-dissent, and agreement ends it.
    """
    from fleet.domain.verdict import Verdict
    from fleet.fleet_page import Narrowed, look
    from fleet.fleet_state import known_names
    from fleet.verify import compare, source_of

    views = finish(look(settings, Narrowed((agent,)))).views if is_agent_name(agent) else []
    if not views or views[0].state is Verdict.UNKNOWN:
        raise unknown_agent(agent, finish(known_names(settings)))
    view = views[0]
    labels = view.labels
    evidence = source_of(
        view, container or labels.get("container"), unit or labels.get("unit"), docker_url
    )()
    found = compare(view, evidence)
    _tell_hub(settings, agent, agrees=not found)
    if output == "json":
        write_json(
            {
                "agent": agent,
                "claims": view.state.value,
                "source": evidence.source,
                "running": evidence.running,
                "uptime": evidence.uptime,
                "healthy": evidence.healthy,
                "dissent": [dissent.value for dissent in found],
            }
        )
    else:
        word = "runs" if evidence.running else "does not run"
        say(f"{agent}: the bus says {paint(view.state.value)}; {evidence.source} {word}")
        for dissent in found:
            say(f"  {paint('critical', dissent.value)}: {dissent.meaning}")
    return 1 if found else 0


def _tell_hub(settings: Settings, agent: str, *, agrees: bool) -> None:
    from fleet.hub_client import HubClient, HubError

    with contextlib.suppress(HubError):  # no hub: the exit code says it
        HubClient.needed(settings).post("/v1/verified", {"agent": agent, "agrees": agrees})
