"""The panes of the full screen that only a hub can fill: work, rollouts, pairs and forecasts."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlencode

import click

from fleet.cli import forecast, pair, rollout_output, work_output
from fleet.cli.monitor_panes import Pane, Rows
from fleet.contract.work_vocabulary import FINAL, TaskState
from fleet.domain.capacity.forecast import forecast_from
from fleet.hub_client import HubClient
from fleet.settings import Settings

MOST: Final = 200
"""Rows that are asked for each time; a queue may hold 10,000."""

MOST_ROLLOUTS: Final = 20

FRESH: Final = 30.0
"""Seconds for which forecasts are not asked for again: the hub computes them every five minutes."""


class HubPanes:
    """Asks the hub that the settings name, or that serves this home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._forecasts: Rows = []
        self._asked: float | None = None

    async def look(self) -> dict[Pane, Rows]:
        """The rows now; without a hub there are none.

        Raises:
            HubError: it is away or refuses.
        """
        return await asyncio.to_thread(self._look)

    def _look(self) -> dict[Pane, Rows]:
        hub = HubClient.asked(self._settings)
        if hub is None:
            return {}
        if self._asked is None or time.monotonic() - self._asked > FRESH:
            found, now = hub.get(f"/v1/forecast?limit={MOST}"), time.time()
            with hub.reading():
                each = [forecast_from(one) for one in found["forecasts"]]
                self._forecasts = [_plain(forecast.row(one, now)) for one in each]
            self._asked = time.monotonic()
        states = [("state", state.value) for state in TaskState if state not in FINAL]
        tasks = hub.get(f"/v1/tasks?{urlencode([('limit', str(MOST)), *states])}")
        rollouts = hub.get(f"/v1/rollouts?limit={MOST_ROLLOUTS}")
        pairs = hub.get("/v1/pairs")
        with hub.reading():
            return {
                Pane.WORK: [_plain(work_output.row(one)) for one in tasks["tasks"]],
                Pane.ROLLOUTS: [_plain(rollout_output.row(one)) for one in rollouts["rollouts"]],
                Pane.PAIRS: [_plain(pair.row(one)) for one in pairs["pairs"]],
                Pane.FORECAST: self._forecasts,
            }


def _plain(cells: Any) -> tuple[str, ...]:
    return tuple(click.unstyle(cell) for cell in cells)
