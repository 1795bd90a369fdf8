"""`fleet tck`: certify an agent or sidecar, in any language, against the contract of the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleet.cli.agent_names import complete_agents
from fleet.cli.common import (
    finish,
    note,
    paint,
    say,
    table,
    with_connection,
    with_output,
    write_json,
)
from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.tck.finding import Finding
    from fleet.tck.report import Report

PROFILES = ("publisher", "commands", "sidecar", "worker")
"""Typed again, since a list of choices must not load the kit; a test compares."""


@click.group()
def tck() -> None:
    """Certify an agent or sidecar against the contract: the conformance kit."""


@tck.command()
@click.option(
    "--agent", required=True, metavar="NAME", help="Whom to examine, and nobody else.",
    shell_complete=complete_agents,
)  # fmt: skip
@click.option("--profile", type=click.Choice(PROFILES), default="sidecar", show_default=True)
@click.option("--restart", default="", metavar="COMMAND", help="Command line that restarts it.")
@click.option("--kill", default="", metavar="COMMAND", help="Command line that kills it.")
@click.option("--pause", default="", metavar="COMMAND", help="Command line that freezes it.")
@click.option("--resume", default="", metavar="COMMAND", help="Command line that wakes it.")
@click.option("--broadcast", is_flag=True, help="Also speak to ALL agents of this bus: hub-online.")
@click.option("--skip", multiple=True, metavar="RULE", help="Leave this rule out; may be repeated.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0.5),
    default=15.0,
    show_default=True,
    help="Seconds for whatever the agent is to do.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@with_output("text", "json", "junit")
@with_connection
def run(settings: Settings, output: str, **options: Any) -> int:
    """Play the hub against a live agent, and judge it rule by rule.

    Sends the four verbs and commands that must be refused, on that agent's topics alone, and says
    each thing on stderr before it does it. Exit 0: conforms, 1: as far as it could be judged,
    2: does not conform.
    """
    from fleet.keys import load_signer
    from fleet.tck.controls import Controls
    from fleet.tck.examination import Terms
    from fleet.tck.output import junit, summary
    from fleet.tck.report import Report
    from fleet.tck.rules import BY_ID, Need, Profile

    agent = options["agent"]
    if not is_agent_name(agent):
        raise ConfigError(f"{agent!r} is not an agent name", "", "fleet status lists them")
    for rule_id in options["skip"]:
        if rule_id not in BY_ID:
            raise ConfigError(f"there is no rule {rule_id!r}", "", "fleet tck rules lists them")
    if bool(options["pause"]) != bool(options["resume"]):
        raise click.UsageError("--pause and --resume go together")
    controls = Controls(*(options[name] for name in ("restart", "kill", "pause", "resume")))
    signer = load_signer(settings.home)
    at_hand = controls.needs
    at_hand |= {Need.KEY} if signer else set()
    at_hand |= {Need.BROADCAST} if options["broadcast"] else set()
    profile, left_out = Profile(options["profile"]), frozenset(options["skip"])
    report = Report(agent, profile, at_hand, left_out, _tell if output == "text" else _quiet)
    if options["dry_run"]:
        return _plan(report)
    terms = Terms(controls, options["wait"], settings.interval, options["broadcast"])
    finish(_examine(settings, report, terms))
    if output == "json":
        write_json(report.as_dict())
    elif output == "junit":
        click.echo(junit(report))
    else:
        _tell_rest(report)
    note(summary(report))
    return report.exit_code


@tck.command()
@with_output("table", "json")
def rules(output: str) -> int:
    """List every rule with its profile, clause and what it needs."""
    from fleet.tck.rules import RULES

    if output == "json":
        write_json(
            [
                {"rule": rule.id, "profile": rule.profile.value, "title": rule.title,
                 "clause": rule.clause, "needs": [need.value for need in rule.needs]}
                for rule in RULES
            ]
        )  # fmt: skip
    else:
        rows = [(rule.id, rule.profile.value, rule.clause, rule.title) for rule in RULES]
        click.echo(table(("rule", "profile", "clause", "a conforming agent"), rows))
    return 0


async def _examine(settings: Settings, report: Report, terms: Any) -> None:
    from fleet.bus.connect_options import connect_options
    from fleet.bus.mqtt import ingest_bus
    from fleet.contract.reader import Reader
    from fleet.keys import load_signer
    from fleet.tck.examination import Examination
    from fleet.tck.link import AgentLink

    def announce(text: str) -> None:
        note(f"… {text}")

    async with AgentLink(
        lambda: ingest_bus(connect_options(settings)),
        settings.topics,
        report.agent,
        Reader(settings.added_words()),
        load_signer(settings.home),
    ) as link:
        await Examination(link, report, terms, announce).run()


def _plan(report: Report) -> int:
    from fleet.tck.trials import TRIALS

    for finding in report.findings:
        rule = finding.rule
        why = f"would be {finding.verdict}: {finding.evidence}"
        doing = next((trial.does for trial in TRIALS if trial.rule == rule.id), "would be judged")
        say(f"{rule.id:<22} {doing if report.wants(rule.id) else why}")
    return 0


def _quiet(_finding: Finding) -> None:
    """Documents are written at the end."""


def _tell(finding: Finding) -> None:
    from fleet.tck.output import MARKS, line

    mark = MARKS.get(finding.verdict, "")
    word = finding.verdict.value
    click.echo(f"{paint(mark, f'{word:<8}')} ", nl=False)
    say(line(finding))


def _tell_rest(report: Report) -> None:
    """What nobody judged, and why; what the profile does not ask for is only counted."""
    from fleet.tck.finding import Verdict

    for finding in report.unjudged:
        if finding.verdict is not Verdict.NOT_APPLICABLE:
            _tell(finding)
