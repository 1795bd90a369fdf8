"""`fleet acl`: prove that the broker forbids what it must."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from fleet.cli.common import note, table, with_connection, with_output, write_json
from fleet.settings import Settings


@click.group()
def acl() -> None:
    """Prove the ACL by trying what it must forbid."""


@acl.command()
@click.option("--agent", metavar="NAME", help="Try with this agent's own credential instead.")
@click.option(
    "--agent-password-file", type=click.Path(dir_okay=False, path_type=Path),
    help="0600 file with that agent's secret. Its sidecar is pushed out meanwhile.",
)  # fmt: skip
@click.option("--account", metavar="NAME", help="The agent's account, if it was rotated: alpha.2.")
@with_output("table", "json")
@with_connection
def test(
    settings: Settings,
    agent: str | None,
    agent_password_file: Path | None,
    account: str | None,
    output: str,
) -> int:
    """Try every forbidden thing, in MQTT 3.1.1 and 5, and judge by what is delivered.

    Makes two agents for the moment, tries everything as one against the other, and holds what
    every account of the broker may do against the list of agents: roles, groups, defaults,
    strangers. Exit 0: closed, 2: something is open.
    """
    from fleet.acl import proof
    from fleet.contract.secret_file import read_secret
    from fleet.provisioning.enrolment import Credential

    if (agent is None) != (agent_password_file is None):
        raise click.UsageError("--agent and --agent-password-file go together")
    credential = None
    if agent is not None and agent_password_file is not None:
        credential = Credential(agent, account or agent, read_secret(agent_password_file))
    report = asyncio.run(proof.examine(settings, credential))
    openings = sorted(report.openings)
    if output == "json":
        write_json(
            {
                "attempts": report.attempts,
                "agents": report.agents,
                "openings": [asdict(opening) for opening in openings],
            }
        )
    elif openings:
        headings = ("agent", "way", "topic", "mqtt")
        click.echo(table(headings, [(o.agent, o.way, o.topic, o.version) for o in openings]))
    note(f"{report.attempts} attempts, {len(openings)} openings")
    return 2 if openings else 0
