"""The report as one HTML file: no network, no script, charts in SVG, light, dark and print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from fleet.auditor.report.groups import groups
from fleet.auditor.report.leak_budget import sentence
from fleet.auditor.report.operations import sentences
from fleet.auditor.report.reading import LOOKED_AT, MEANING, UNSEEN
from fleet.auditor.report.report import AuditReport, Outcome
from fleet.auditor.rules.catalogue import rule_named

_TOP: Final = 14
"""Agents with a bar of their own: those with findings, then the busiest."""

_WITHHELD: Final = "(name withheld)"
"""For agents and topics whose name may itself be a leak."""

_MAX_ROWS: Final = 500
"""Rows of findings, grouped: a report is read and printed; the JSON has every finding."""

_MAX_GAPS: Final = 100

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--line:#d9dfe6;--page:#fff;
--card:#f5f7f9;--bar:#3568a8;--bad:#b3261e;--warn:#9a6700;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaef;--soft:#9aa6b4;--line:#323b46;--page:#12161b;
--card:#1b2128;--bar:#6aa3e8;--bad:#ff8a80;--warn:#e0b14c;--good:#5fcf80}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.25rem 4rem;font:15px/1.5 system-ui,sans-serif;
color:var(--ink);background:var(--page)}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.4rem 0}.prose{max-width:46rem}.soft{color:var(--soft)}
.verdict{display:inline-block;padding:.15rem .7rem;border-radius:1rem;font-weight:600;
border:1.5px solid currentColor}
.violation,.critical{color:var(--bad)}.gap,.warning{color:var(--warn)}.clean{color:var(--good)}
.info{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;
margin:1.4rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;padding:.35rem .7rem .35rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{color:var(--soft);font-weight:500}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code{font:.86em ui-monospace,monospace;white-space:nowrap}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
svg .bar{fill:var(--bar)}svg .found{fill:var(--bad)}svg .axis{stroke:var(--line)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1.5rem}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--page:#fff;--card:#fff;--bar:#3568a8;
--bad:#b3261e;--warn:#7a5200;--good:#1a6b2f}body{padding:0;font-size:11px;max-width:none}
.charts{grid-template-columns:1fr 1fr}code{white-space:normal;overflow-wrap:anywhere}
table{font-size:9px}tr,.tile,svg{break-inside:avoid}h2{break-after:avoid}}
"""


def render(report: AuditReport) -> str:
    """The whole page. Everything that is not ours is escaped; matched values are not in it."""
    return "".join(_page(report))


def _page(report: AuditReport) -> Iterator[str]:
    outcome = report.outcome
    period = f"{report.since} to {report.until}" if report.since else "a capture without times"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Bus audit {escape(report.ts[:10])}: {outcome.value}</title>"
        f"<style>{_STYLE}</style></head><body>\n"
    )
    yield (
        f"<h1>Audit of the fleet bus</h1><p class=soft>{escape(period)}, judged {escape(report.ts)}"
        f'</p><p><span class="verdict {outcome.value}">{outcome.value}</span> '
        f"{escape(outcome.meaning)}</p>\n"
    )
    yield from _tiles(report)
    yield from _reading(report)
    yield from _charts(report)
    yield from _findings(report)
    yield from _operations(report)
    yield from _gaps(report)
    yield from _suppressed(report)
    yield from _budget(report)
    yield from _unseen()
    yield (
        "<p class=soft>No matched value is in this report: a length, and a digest under a key that "
        "stays at the hub, stand for it. <code>fleet audit explain 1</code> says of the finding "
        "with that number what makes it go away.</p></body></html>\n"
    )


def _operations(report: AuditReport) -> Iterator[str]:
    lines = list(sentences(report.operations))
    if lines:
        yield "<h2>What was done to the fleet</h2><ul>"
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul>\n"


def _tiles(report: AuditReport) -> Iterator[str]:
    trend = report.trend
    before = "" if trend is None else f"{trend.findings:+,} since the last"
    agents = {row["agent"] for row in report.traffic()} - {"", "*"}
    tiles = [
        (f"{report.messages:,}", "messages"),
        (f"{len(agents):,}", "agents"),
        (f"{report.rules.total():,}", f"findings {before}".strip()),
        (f"{len(report.suppressed):,}", "suppressed"),
        (f"{len(report.gaps):,}", "gap" if len(report.gaps) == 1 else "gaps"),
    ]
    yield "<div class=tiles>"
    for number, label in tiles:
        yield f"<div class=tile><b>{number}</b><span>{escape(label)}</span></div>"
    yield "</div>\n"


def _reading(report: AuditReport) -> Iterator[str]:
    """For a client who is no engineer: what was looked at, and how sure what was found is."""
    yield f"<h2>What was looked at</h2><p class=prose>{escape(LOOKED_AT)}</p>\n"
    if report.findings:
        counts = Counter(finding.severity for finding in report.findings)
        yield "<h2>What was found, and how sure it is</h2>"
        rows = [
            (f'<span class="{severity.value}">{severity.value}</span>', f"<b>{sure}</b>",
             escape(meaning), f"{counts[severity]:,}")
            for severity, (sure, meaning) in MEANING.items() if counts[severity]
        ]  # fmt: skip
        yield _table(("Severity", "How sure", "That means", "Findings"), rows, numeric={3})
        yield "\n"


def _unseen() -> Iterator[str]:
    yield "<h2>What an audit cannot see</h2><ul class=prose>"
    yield from (f"<li>{escape(one)}</li>" for one in UNSEEN)
    yield "</ul>\n"


def _charts(report: AuditReport) -> Iterator[str]:
    messages: Counter[str] = Counter()
    found: Counter[str] = Counter()
    days: Counter[str] = Counter()
    days_found: Counter[str] = Counter()
    for row in report.traffic():
        agent, day = row["agent"] or "broadcast", row["day"] or "no time"
        messages[agent] += row["messages"]
        found[agent] += row["findings"]
        days[day] += row["messages"]
        days_found[day] += row["findings"]
    if not messages:
        return
    yield "<h2>Traffic and findings</h2><div class=charts>"
    worst = [name for name, count in found.most_common(_TOP) if count]
    busy = [name for name, _ in messages.most_common(_TOP) if name not in worst]
    names = [*worst, *busy][:_TOP]
    rows = [(_WITHHELD if n == "*" else n, messages[n], found[n]) for n in names]
    yield _bars("Messages by agent, worst first; findings in red", rows)
    last = sorted(days)[-31:]
    yield _bars("Messages by day; findings in red", [(d, days[d], days_found[d]) for d in last])
    yield "</div>"
    rest = len(messages) - len(names)
    if rest > 0:
        count = sum(messages.values()) - sum(messages[name] for name in names)
        yield f"<p class=soft>{rest:,} more agents sent {count:,} messages.</p>\n"


def _bars(title: str, rows: Sequence[tuple[str, int, int]]) -> str:
    """Horizontal bars: messages against the widest, findings as a red number beside."""
    widest = max((count for _, count, _ in rows), default=1) or 1
    height = 26 * len(rows) + 8
    parts = [
        f'<figure style="margin:0"><figcaption class=soft>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 480 {height}" role="img" aria-label="{escape(title, quote=True)}">'
    ]
    for place, (name, count, findings) in enumerate(rows):
        y = 26 * place + 6
        width = max(1.0, 230 * count / widest) if count else 0.0
        label = name if len(name) <= 20 else f"{name[:19]}…"
        red = f' <tspan class="found">{findings:,} found</tspan>' if findings else ""
        parts.append(
            f'<text x="0" y="{y + 14}">{escape(label)}</text>'
            f'<rect class="bar" x="130" y="{y + 3}" width="{width:.1f}" height="14" rx="2"/>'
            f'<text x="{138 + width:.1f}" y="{y + 14}">{count:,}{red}</text>'
        )
    parts.append("</svg></figure>")
    return "".join(parts)


def _findings(report: AuditReport) -> Iterator[str]:
    yield "<h2>Findings</h2>"
    found = groups(report.findings)
    if not found:
        yield "<p>None.</p>\n"
        return
    by_rule = [
        (
            f"<code>{name}</code>",
            escape(rule_named(name).finds),
            escape(rule_named(name).remedy),
            f"{count:,}",
        )
        for name, count in report.rules.most_common()
    ]
    yield _table(("Rule", "A finding means", "What to do", "Findings"), by_rule, numeric={3})
    yield "<h2>Where</h2>"
    head = ("#", "Severity", "Rule", "Clause", "Topic", "Field", "n", "Lines", "Length", "Digest")
    rows = []
    for number, (first, same) in enumerate(found[:_MAX_ROWS], 1):
        severity = first.severity.value
        lines = str(first.line) if len(same) == 1 else f"{first.line} … {same[-1].line}"
        rows.append(
            (
                f"{number}",
                f'<span class="{severity}">{severity}</span>',
                f'<code title="{escape(first.rule.finds, quote=True)}">{first.rule.id}</code>',
                escape(first.rule.clause.value),
                f"<code>{escape(first.topic)}</code>",
                f"<code>{escape(first.field)}</code>",
                f"{len(same):,}",
                lines,
                f"{first.length:,}" if first.length else "",
                f"<code>{first.digest}</code>",
            )
        )
    yield _table(head, rows, numeric={0, 6, 7, 8})
    beyond = len(found) - _MAX_ROWS
    if beyond > 0:
        yield f"<p class=soft>{beyond:,} more groups are in the JSON report.</p>"
    for rule, count in sorted(report.omitted.items()):
        yield f"<p class=soft>{escape(rule)}: {count:,} more findings, counted only.</p>"
    yield "\n"


def _gaps(report: AuditReport) -> Iterator[str]:
    if not report.gaps:
        return
    yield "<h2>Gaps that could hide something</h2>"
    rows = [
        (gap.kind.value, escape(gap.kind.meaning), told["since"] or "", told["until"] or "",
         str(gap.line or ""))
        for gap in report.gaps[:_MAX_GAPS]
        for told in (gap.as_dict(),)
    ]  # fmt: skip
    yield _table(("Kind", "Meaning", "Since", "Until", "Line"), rows, numeric={4})
    if len(report.gaps) > _MAX_GAPS:
        yield f"<p class=soft>{len(report.gaps) - _MAX_GAPS:,} more are in the JSON report.</p>"


def _suppressed(report: AuditReport) -> Iterator[str]:
    by = Counter(suppression for _, suppression in report.suppressed)
    if not by and not report.expired:
        return
    yield "<h2>Suppressions</h2>"
    rows = [
        (escape(one.rule), escape(one.reason), escape(one.owner), one.as_dict()["until"][:10],
         f"{count:,}")
        for one, count in [*by.items(), *((one, 0) for one in report.expired)]
    ]  # fmt: skip
    yield _table(("Rule", "Reason", "Owner", "Until", "Held back"), rows, numeric={4})
    if report.expired:
        yield f'<p class="warning">{len(report.expired)} have expired and hold nothing back.</p>'


def _budget(report: AuditReport) -> Iterator[str]:
    if not report.leak_budget:
        return
    told = dict(report.leak_budget)
    yield f"<h2>Leak budget</h2><p>As tolerated: {escape(sentence(told))}.</p>"
    yield "<p>Assumed:</p><ul>"
    yield from (f"<li>{escape(assumption)}</li>" for assumption in told["assumptions"])
    yield "</ul>"
    rows = [(escape(name.replace("_", " ")), f"{count:,}")
            for name, count in told["tolerated_per_day"].items()]  # fmt: skip
    yield _table(("Tolerated of an agent", "A day"), rows, numeric={1})
    if report.outcome is Outcome.GAP:
        yield "<p class=soft>What a gap hid is in no number above.</p>"


def _table(
    head: Iterable[str], rows: Iterable[Sequence[str]], *, numeric: frozenset[int] | set[int]
) -> str:
    """Cells are HTML; callers escape them."""

    def cells(tag: str, row: Iterable[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in numeric else ''}>{cell}</{tag}>"
            for place, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{cells('th', head)}</tr></thead>{body}</table></div>"
