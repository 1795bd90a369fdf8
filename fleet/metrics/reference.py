"""The reference page of all metrics: `python -m fleet.metrics.reference [FILE]` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from fleet.contract.limits import MAX_ALERTS, MAX_METRICS
from fleet.contract.vocabulary import Plane
from fleet.metrics.agent_families import (
    FAMILIES,
    KEPT_WHILE_DOWN,
    MAX_METRIC_NAMES,
    METRIC_PREFIX,
    Family,
)
from fleet.metrics.declared import PROBES, SIDECAR
from fleet.metrics.hub_families import HUB_FAMILIES

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


TEMPLATE: Final = """\
# Metrics

<!-- Made by: python -m fleet.metrics.reference -->

The hub serves them at `/metrics`, as Prometheus text or as OpenMetrics, whichever the scraper
asks for. Callers on its own machine need no token, others one of the role `viewer`. Values are
read at scrape.
`fleet export prometheus -d DIR` writes a scrape configuration and the rules.

## Agents

{agents}

While `fleet_agent_up` is 0 (the agent is silent, gone, unknown or a ghost) only
{kept}
stay, and what is wrong as `fleet_problem`. The others, and the agent's own metrics, end with it,
so that no last value looks like the present; they go on when it is heard again, counters where
they were. Who was revoked, forgotten or renamed has no series at all.

A metric that an agent declares becomes `{prefix}NAME`, with the label `agent`: a counter if its
name ends in `_total`, else a gauge. Every sidecar declares these:

{sidecar}

Its probes add these, each where it is configured. `fleet mcp` names these two tables to a model
and counts all others.

{probes}

## Hub and broker

{hub}

The families `fleet_broker_*` exist where the broker publishes `$SYS` statistics, as Mosquitto
does. `process_*` is about the hub's own process, as in every exporter.

## How many series

Every label value is a name of the roster or a word of a closed vocabulary: no text from a payload
becomes a label. About 20 series an agent are usual. The most are {most}: {single} of the families
with one, {planes} checks (and what ADRs add), {alerts} alerts and {metrics} metrics of its own.

Over the whole fleet, agents may bring {names} names of metrics into being. A name beyond that, or
one that another rules out (`x` and `x_total`), is left out, and
`fleet_metric_names_refused_total` counts it.
"""


def page() -> str:
    """The page as Markdown."""
    single = sum(family.series == "1" for family in FAMILIES)
    return TEMPLATE.format(
        agents=_table(FAMILIES, "Series an agent"),
        kept=", ".join(f"`{family.name}`" for family in KEPT_WHILE_DOWN),
        prefix=METRIC_PREFIX,
        sidecar=_declared(SIDECAR),
        probes=_declared(PROBES),
        hub=_table(HUB_FAMILIES, "Series"),
        most=single + len(Plane) + MAX_ALERTS + MAX_METRICS,
        single=single,
        planes=len(Plane),
        alerts=MAX_ALERTS,
        metrics=MAX_METRICS,
        names=MAX_METRIC_NAMES,
    )


def _declared(names: Mapping[str, str]) -> str:
    rows = (f"| `{METRIC_PREFIX}{name}` | {text} |" for name, text in names.items())
    return "\n".join(("| Metric | Meaning |", "|---|---|", *rows))


def _table(families: Iterable[Family], column: str) -> str:
    lines = [f"| Metric | Type | Labels | Meaning | {column} |", "|---|---|---|---|---|"]
    for family in families:
        labels = " ".join(f"`{label}`" for label in family.labels)
        row = (f"`{family.name}`", family.type, labels, family.help, family.series)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Write the page to the file named, or to its place in the repository."""
    target = Path(arguments[0]) if arguments else PAGE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page())


if __name__ == "__main__":
    main(sys.argv[1:])
