"""What `fleet alerts` shows: what fires, who was told, and what is not well with the routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from fleet.cli.common import note, paint, table
from fleet.cli.fitting import fit, terminal_width
from fleet.cli.silence_words import described

HEADINGS: Final = ("severity", "agent", "code", "state", "since", "acknowledged", "silenced")
SPARE: Final = ("state", "silenced", "since", "acknowledged")
TOLD: Final = ("agent", "code", "route", "outcome", "answer", "of", "at")
SPARE_OF_TOLD: Final = ("of", "at")
NOBODY: Final = "nobody"


def show(answer: dict[str, Any], *, wide: bool) -> None:
    """`wide`: also who was told of each alert."""
    alerts = answer["alerts"]
    if alerts:
        rows = [_row(alert) for alert in alerts]
        _fitted(HEADINGS, rows, SPARE, ("code", "agent"))
    else:
        note("no alert fires")
    if alerts and wide:
        click.echo()
        channels = {route["name"]: route["channel"] for route in answer.get("routes", ())}
        told = [row for alert in alerts for row in _told(alert, channels)]
        _fitted(TOLD, told, SPARE_OF_TOLD, ("answer", "code", "agent"))
    for route in answer.get("routes", ()):
        _note_route(route)
    for silence in answer["silences"]:
        note(f"silence {silence['id']}: {described(silence)}, until {silence['until']}")


def _fitted(
    headings: tuple[str, ...],
    rows: list[tuple[str, ...]],
    spare: tuple[str, ...],
    elastic: tuple[str, ...],
) -> None:
    width = terminal_width()
    click.echo(table(*fit(headings, rows, spare=spare, elastic=elastic, width=width)))


def _row(alert: dict[str, Any]) -> tuple[str, ...]:
    return (
        paint(alert["severity"]),
        _whose(alert),
        " ".join([alert["code"], *alert.get("planes", ())]),
        f"flapping, {alert['state']}" if alert.get("flapping_since") else alert["state"],
        alert["since"],
        alert["acknowledged_by"] or "no",
        "yes" if alert["silenced"] else "no",
    )


def _whose(alert: dict[str, Any]) -> str:
    return alert["agent"] or (f"hub of {alert['site']}" if "site" in alert else "hub")


def _told(alert: dict[str, Any], channels: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """A row a route and message; one that says why, where nobody was told."""
    whose, told = (_whose(alert), alert["code"]), alert.get("told", ())
    for one in told:
        route = one["route"]
        channel = f" ({channels[route]})" if route in channels else ""
        said = (one["outcome"], one["answer"] or "none", one["state"], one["at"])
        yield (*whose, f"{route}{channel}", *said)
    if not told:
        yield (*whose, *_untold(alert, has_routes=bool(channels)), alert["state"], "none")


def _untold(alert: dict[str, Any], *, has_routes: bool) -> tuple[str, str, str]:
    """Route, outcome and answer of what was told to nobody."""
    if "site" in alert:
        return f"of {alert['site']}", "unknown", "its own hub knows"
    if alert["silenced"]:
        return NOBODY, "silenced", "none"
    return NOBODY, "not yet" if has_routes else "no route", "none"


def _note_route(route: dict[str, Any]) -> None:
    """What an operator should know of a route that is not well, a line each."""
    name = route["name"]
    if route["waiting"] and not route["working"]:
        note(f"route {name} does not deliver: {route['waiting']} wait")
    for one in route["set_aside"]:
        more = f" and {one['more']} more" if one["more"] else ""
        note(
            f"route {name} would not take {one['code']} ({one['state']}) of"
            f" {', '.join(one['agents'])}{more} at {one['at']}: {one['why']}"
        )
    if route["set_aside"]:
        note(f"Try: fleet alerts retry {name}, once the receiver takes it")
