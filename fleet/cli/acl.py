"""`fleet acl`: prove that the broker forbids what it must, and give roles what a version adds."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.broker_kind import BrokerKind
from fleet.cli.agent_names import complete_agents
from fleet.cli.common import note, table, with_connection, with_output, write_json
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.acl.proof_report import ProofReport
    from fleet.provisioning.role_update import Change


@click.group()
def acl() -> None:
    """Prove the ACL by trying what it must forbid, and bring it up to date."""


@acl.command()
@click.option(
    "--agent", metavar="NAME", help="Try with this agent's own credential instead.",
    shell_complete=complete_agents,
)  # fmt: skip
@click.option(
    "--agent-password-file", type=click.Path(dir_okay=False, path_type=Path),
    help="0600 file with that agent's secret. Its sidecar is pushed out meanwhile.",
)  # fmt: skip
@click.option("--account", metavar="NAME", help="The agent's account, if it was rotated: alpha.2.")
@click.option(
    "--victim", "victims", multiple=True, metavar="NAME",
    help="Try against this agent, too; unasked, where fleet makes no accounts, the first 8 listed.",
)  # fmt: skip
@with_output("table", "json")
@with_connection
def test(
    settings: Settings,
    agent: str | None,
    agent_password_file: Path | None,
    account: str | None,
    victims: tuple[str, ...],
    output: str,
) -> int:
    """Try every forbidden thing, in MQTT 3.1.1 and 5, and judge by what is delivered.

    Makes two agents for the moment, tries everything as one against the other, and holds what
    every account of the broker may do against the list of agents: roles, groups, defaults,
    strangers. Exit 0: closed, 2: something is open.

    Where fleet makes no accounts (NATS, EMQX, a static ACL) it needs --agent, connects where
    agents do (agent_broker), and tries what that account may do to an agent that is made up and to
    those of the list, to whom nothing is done that hurts. What is not tried is said; what other
    accounts may do is not found there.
    """
    from fleet.acl import proof
    from fleet.acl.proof_report import ProofReport
    from fleet.contract.secret_file import read_password
    from fleet.provisioning.enrolment import Credential

    if (agent is None) != (agent_password_file is None):
        raise click.UsageError("--agent and --agent-password-file go together")
    credential = None
    if agent is not None and agent_password_file is not None:
        credential = Credential(agent, account or agent, read_password(agent_password_file))
    if settings.broker_kind is BrokerKind.EMBEDDED:
        note("open: the embedded broker knows no rights; everybody on this machine may do all")
        return 2
    report = ProofReport()
    try:
        asyncio.run(proof.examine_each(settings, report, credential, victims))
    finally:
        _tell_what_is_left(report)
    openings = sorted(report.openings)
    if output == "json":
        write_json(
            {
                "attempts": report.attempts,
                "agents": report.agents,
                "openings": [asdict(opening) for opening in openings],
                "untried": report.untried,
                "against": report.against,
                "others": report.others,
                "unheard": report.unheard,
                "left": report.left,
                "lacking": report.lacking,
            }
        )
    elif openings:
        headings = ("agent", "way", "topic", "mqtt")
        click.echo(table(headings, [(o.agent, o.way, o.topic, o.version) for o in openings]))
    if report.untried and output != "json":
        note(f"not tried, since the hub itself may not: {', '.join(dict.fromkeys(report.untried))}")
    _tell_of_victims(report, output)
    if report.lacking and output != "json":
        note(f"made by an older version: {len(report.lacking)} roles; Try: fleet acl update")
    note(f"{report.attempts} attempts, {len(openings)} openings")
    return 2 if openings else 0


def _tell_of_victims(report: ProofReport, output: str) -> None:
    """Against whom it was tried, and what of it was not."""
    if output == "json":
        return
    if report.against:
        note(f"tried against {', '.join(report.against)}, and an agent that is made up; against")
        note("those that are there no retained message, last will or client id: it would hurt them")
    if report.unheard:
        note(f"may be subscribed to, and nothing was said there: {', '.join(report.unheard)}")
    if report.others:
        note(f"not tried against {report.others} others of the list: --victim NAME")


def _tell_what_is_left(report: ProofReport) -> None:
    if report.left:
        note(f"the broker may retain a message of the proof on {', '.join(report.left)}")
        note("Try: fleet acl test again, which takes it away; what stays is for the broker's admin")


@acl.command()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@with_output("table", "json")
@with_connection
def update(settings: Settings, dry_run: bool, output: str) -> int:
    """Give every role at the broker the rights that this version of fleet gives it.

    Needed once after an update that adds a topic: until then the roles of hub and agents lack it,
    and all else goes on. Rights beyond the template are taken away. Sidecars connect anew at once.

    Where fleet makes no accounts (NATS, EMQX, a static ACL) it prints what each account must be
    able to do, and exits with 1: nobody but you can change it there.
    """
    from fleet.provisioning import by_hand, role_update
    from fleet.provisioning.connections import dynsec_of
    from fleet.provisioning.registry import Registry

    if not settings.broker_kind.has_enrolment:
        for name in sorted(Registry(settings.home).agents() or {}):
            click.echo(by_hand.account(settings.broker_kind, settings.topics, name))
        note(f"by hand: fleet makes no accounts at {settings.broker} ({settings.broker_kind})")
        return 1

    async def run() -> list[role_update.Change]:
        async with dynsec_of(settings) as dynsec:
            step = role_update.pending if dry_run else role_update.update
            return await step(settings, dynsec)

    found = asyncio.run(run())
    rows = [
        (change.role.name, f"{sign} {right.acltype}", right.topic)
        for change in found
        for sign, rights in (("+", change.lacks), ("-", change.beyond))
        for right in rights
    ]
    if output == "json":
        write_json({"changed": not dry_run, "roles": [_described(change) for change in found]})
    elif rows:
        click.echo(table(("role", "right", "topic"), rows))
    missing = [change.role.name for change in found if change.missing]
    if missing:
        note(f"not there at all, and left so: {', '.join(missing)}; Try: fleet agent add --reuse")
    done = len(found) - len(missing)
    note(f"{done} roles {'would be' if dry_run else 'were'} changed")
    return 1 if missing else 0


def _described(change: Change) -> dict[str, object]:
    return {
        "role": change.role.name,
        "missing": change.missing,
        "lacks": [[right.acltype, right.topic] for right in change.lacks],
        "beyond": [[right.acltype, right.topic] for right in change.beyond],
    }
