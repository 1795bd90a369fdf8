"""What runs out, for a language model: the verdict first, and no word that an agent chose."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.contract.timestamps import timestamp
from fleet.domain.capacity.forecast import Forecast
from fleet.mcp import words as say
from fleet.mcp.answers import shortened
from fleet.mcp.words import Words, merged
from fleet.metrics.declared import DECLARED


def forecast_answer(forecasts: Sequence[Forecast], words: Words) -> str:
    """Forecasts, what somebody should look at first, then the soonest end."""
    if not forecasts:
        return "UNKNOWN: no hourly sums of room or tokens yet."
    urgent = [one for one in forecasts if one.severity is not None]
    urgent.sort(key=lambda one: -one.severity.rank if one.severity else 0)
    others = [one for one in forecasts if one.severity is None]
    lines = [f"{'LOW' if urgent else 'OK'}: {len(urgent)} of {len(forecasts)} call for somebody."]
    lines += merged(_line(one, words) for one in (*urgent, *others))
    return shortened(lines)


def _line(one: Forecast, words: Words) -> str:
    whose = words.agent(one.agent) if one.agent else f"group {one.group}" if one.group else "fleet"
    known = one.window or one.metric in DECLARED
    what = one.metric if known else "an unknown metric"
    severity = f"{one.severity.value} " if one.severity else ""
    facts = [f"now {say.number(one.now)} {one.unit}"]
    if one.window:
        facts.append(f"in this {one.window}")
    if one.quota:
        facts.append(f"of {say.number(one.limit)} that are allowed ({one.quota})")
    if one.per_day is None:
        facts.append("unknown what comes")
    else:
        facts.append(f"{say.number(one.per_day)} a day")
        if one.at_end is not None:
            facts.append(f"{say.number(one.at_end)} by the end")
        if one.exhausts_at is not None:
            facts.append(f"used up {timestamp(one.exhausts_at)}")
    return f"- {severity}{whose} {what}: {', '.join(facts)}; confidence {one.confidence.value}"
