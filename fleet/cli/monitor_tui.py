"""`fleet monitor --tui`: the fleet and its events on a full screen (extra `tui`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, RichLog, Static

from fleet.cli.common import age
from fleet.contract.errors import FleetError
from fleet.contract.printable import printable
from fleet.domain.agent_view import AgentView
from fleet.fleet_state import FleetState

COLUMNS: Final = ("agent", "state", "heard", "up", "checks", "alerts", "version")
REFRESH: Final = 2.0
"""Seconds between looks at the fleet, as in `fleet status --watch`."""

NAMED: Final = 5
"""Problems named above the table; the rest is counted."""

Line = str
Look = Callable[[], Awaitable[FleetState]]
Events = Callable[[], AsyncIterator[Line]]


class Screen(App[None]):
    """Agents above, worst first; events below, newest last."""

    TITLE = "fleet"
    CSS = "#agents { height: 2fr; } #events { height: 1fr; border-top: solid $primary; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("p", "pause", "Pause events"),
    ]

    def __init__(self, look: Look, events: Events) -> None:
        super().__init__()
        self._look = look
        self._events = events
        self._paused = False

    def compose(self) -> ComposeResult:
        yield Header(show_clock=True)
        yield Static(id="problems", markup=False)
        yield DataTable[Text](id="agents", cursor_type="row", zebra_stripes=True)
        yield RichLog(id="events", max_lines=1_000, markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#agents", DataTable).add_columns(*COLUMNS)
        self.run_worker(self._look_again(), name="state")
        self.run_worker(self._follow(), name="events")

    def action_pause(self) -> None:
        """Hold the events still to read them; the table goes on."""
        self._paused = not self._paused
        self.sub_title = "events paused" if self._paused else ""

    def redraw(self, state: FleetState) -> None:
        """The table and the problems as they are now; the selected agent stays selected."""
        table = self.query_one("#agents", DataTable)
        row = table.cursor_row
        table.clear()
        for view in state.views:
            table.add_row(*_cells(view))
        if state.views:
            table.move_cursor(row=min(row, len(state.views) - 1))
        problems = [f"{p.severity.value} {p}" for p in state.problems]
        text = ", ".join(problems[:NAMED])
        if len(problems) > NAMED:
            text += f" and {len(problems) - NAMED} more"
        self._say(text or f"{len(state.views)} agents, no problem", state.note)

    def _say(self, *lines: str) -> None:
        self.query_one("#problems", Static).update("\n".join(map(printable, filter(None, lines))))

    async def _look_again(self) -> None:
        while True:
            try:
                self.redraw(await self._look())
            except FleetError as error:  # the table stays as it was: what it says has an age
                self._say(" ".join(str(error).split()))
            await asyncio.sleep(REFRESH)

    async def _follow(self) -> None:
        log = self.query_one("#events", RichLog)
        async for line in self._events():
            if not self._paused:
                log.write(printable(line))


def _cells(view: AgentView) -> tuple[Text, ...]:
    """As text: a string would be read as markup."""
    troubled = [f"{p}:{c.value}" for p, c in view.checks.items() if c.value != "pass"]
    words = (
        view.agent,
        view.state.value,
        f"{age(view.age)} ago" if view.age is not None else "never",
        age(view.uptime),
        ",".join(troubled) or f"{len(view.checks)} pass",
        ",".join(view.alerts) or "none",
        (view.versions or {}).get("agent", "unknown"),
    )
    return tuple(Text(printable(word)) for word in words)
