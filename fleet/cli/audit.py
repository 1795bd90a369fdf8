"""`fleet audit`: hold captured or live traffic against the ADRs."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.common import finish, note, table, with_connection, with_settings, write_json
from fleet.contract.printable import own
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.auditor.report.report import AuditReport

START, ERASE = "\r", "\x1b[K"
"""Of a line on the terminal: to its beginning, and the rest of it away."""

_VERIFY = "fleet audit report --verify"

FORMATS = ("text", "json", "html", "sarif")


@click.group()
def audit() -> None:
    """Compliance audit of what travelled on the bus."""


@audit.command()
@click.option(
    "--capture", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="A JSON Lines capture (repeatable); default: the hub's own.",
)  # fmt: skip
@click.option("--live", type=click.FloatRange(0.1, 604_800), metavar="SECONDS",
              help="Listen on the bus for so long instead.")  # fmt: skip
@click.option("--broker-log", type=click.Path(path_type=Path), metavar="FILE",
              help="Mosquitto's log (log_type all): tells who published.")  # fmt: skip
@click.option("--against", type=click.Path(path_type=Path), metavar="PROPOSED.md",
              help="Judge by the words of a proposed ADR too, before it is adopted.")  # fmt: skip
@click.option("--suppressions", type=click.Path(path_type=Path), metavar="FILE",
              help="Suppressions (TOML); default: audit.toml in the home.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=1, metavar="N", show_default=True,
              help="Processes that share the work; the report is the same.")  # fmt: skip
@click.option("--save", is_flag=True, help="Keep the report in the home, in the chained log.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True)
@with_connection
def run(settings: Settings, output: str, **options: Any) -> int:
    """Audit a capture. Exit 0: clean, 2: violation, 3: the capture has gaps."""
    from fleet.auditor.report.report import EXIT_CODES

    if options["live"] and options["files"]:
        raise click.UsageError("give either --capture or --live")
    done = _audit(settings, **options)
    _write(done, output)
    return EXIT_CODES[done.outcome]


def _audit(
    settings: Settings,
    files: tuple[Path, ...],
    live: float | None,
    broker_log: Path | None,
    against: Path | None,
    jobs: int,
    quiet: bool,
    **conclusion: Any,
) -> AuditReport:
    from fleet.auditor import from_settings, replay

    auditor = from_settings.auditor(settings, against)
    started = time.monotonic()

    def progress(done: int, total: int, messages: int) -> None:
        spent = time.monotonic() - started
        left = spent * (total - done) / done if done else 0.0
        rate = messages / spent if spent else 0.0
        share = 100 * done // total if total else 100
        line = f"{share:3d} %  {messages} messages  {rate:,.0f}/s  {left:.0f} s left "
        sys.stderr.write(own(START) + line)

    shown = progress if not quiet and sys.stderr.isatty() else None
    if live:
        gaps = finish(from_settings.listen(settings, auditor, live))
    else:
        captures = files or from_settings.captures(settings.home)
        gaps = replay.over_files(auditor, captures, shown, jobs)
    if shown:
        sys.stderr.write(own(START + ERASE))
    if broker_log:
        replay.over_broker_log(auditor, broker_log)
    return from_settings.conclude(
        settings, auditor, gaps, conclusion["suppressions"], save=conclusion["save"]
    )


def _write(done: AuditReport, output: str) -> None:
    if output == "text":
        from fleet.auditor.report.text import render

        click.echo(render(done), nl=False)
    elif output == "json":
        click.echo(json.dumps(done.as_dict(), indent=2))
    elif output == "html":
        from fleet.auditor.report.html import render as render_html

        click.echo(render_html(done), nl=False)
    else:
        from fleet.auditor.report.sarif import as_sarif

        click.echo(json.dumps(as_sarif(done), indent=2))


@audit.command()
@click.argument("what", required=False, metavar="[RULE|NUMBER]")
@click.argument("field", required=False)
@click.option("--report", "path", type=click.Path(path_type=Path), metavar="FILE",
              help="A report in JSON; default: the latest kept one.")  # fmt: skip
@with_settings("home")
def explain(settings: Settings, what: str | None, field: str | None, path: Path | None) -> None:
    """What a rule or a finding means, and what makes it go away. Without RULE: all rules.

    NUMBER is a finding's in the report (`#1`); with RULE, FIELD is where it was found.
    """
    from fleet.auditor.report import kept_findings
    from fleet.auditor.report.ways_out import ways_out
    from fleet.auditor.rules.catalogue import RULES, rule_named

    if what is None:
        for known in RULES:
            click.echo(f"{known.id:<28} {known.severity.value:<8} {known.finds}")
        return
    finding = None
    if what.lstrip("#").isdecimal():
        finding, count = kept_findings.numbered(settings.home, path, int(what.lstrip("#")))
        known = finding.rule
        times = f", {count} times, first" if count > 1 else ""
        click.echo(f"Found{times} in line {finding.line}: {finding.topic} at {finding.field}")
    else:
        known = rule_named(what)
    severity = finding.severity if finding else known.severity
    click.echo(f"{known.id} ({severity.value}, {known.clause.value}: {known.clause.meaning})")
    click.echo(f"A finding means: {known.finds}.")
    click.echo(f"What to do: {known.remedy}.")
    click.echo("What makes it go away:")
    for line in ways_out(known, finding, field or ""):
        click.echo(f"  {line}")
    note("Findings never show what matched: find it in the capture by line and field.")


@audit.command()
@click.argument("name", required=False)
@click.option("--verify", is_flag=True, help="Check the chained log: a deleted report shows.")
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text")
@with_settings("home")
def report(settings: Settings, name: str | None, verify: bool, output: str) -> int:
    """Kept reports: the list, the report NAME, or whether all are there and unchanged."""
    from fleet.auditor.report import archive

    if verify:
        wrong = archive.check(settings.home)
        for sentence in wrong:
            click.echo(sentence)
        if not wrong:
            click.echo(f"{len(archive.read_log(settings.home))} reports, none missing or changed")
        return 2 if wrong else 0
    if name is not None:
        click.echo(archive.text_of(settings.home, name), nl=False)
        return 0
    entries = [archive.summary(settings.home, entry) for entry in archive.read_log(settings.home)]
    if strangers := archive.strangers(settings.home):
        note(f"{archive.LOG} lacks {len(strangers)} reports that are kept; Try: {_VERIFY}")
    if output == "json":
        write_json({"reports": entries})
        return 0
    headings = ("name", "outcome", "messages", "findings", "gaps")
    rows = [[str(entry[heading]) for heading in headings] for entry in entries]
    click.echo(table(headings, rows) if rows else "no report is kept yet")
    return 0
