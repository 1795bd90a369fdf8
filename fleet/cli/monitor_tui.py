"""`fleet monitor --tui`: the fleet and its events on a full screen (extra `tui`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, RichLog, Static

from fleet.cli.common import age
from fleet.domain.agent_view import AgentView
from fleet.domain.problems import problems_of

COLUMNS: Final = ("agent", "state", "heard", "up", "checks", "alerts", "version")
REFRESH: Final = 1.0
"""Seconds between looks at the roster: ages grow without events."""

Line = str
Views = Callable[[], Sequence[AgentView]]
Events = Callable[[], AsyncIterator[Line]]


class Screen(App[None]):
    """Agents above, worst first; events below, newest last."""

    TITLE = "fleet"
    CSS = "#agents { height: 2fr; } #events { height: 1fr; border-top: solid $primary; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("p", "pause", "Pause events"),
    ]

    def __init__(self, views: Views, events: Events) -> None:
        super().__init__()
        self._views = views
        self._events = events
        self._paused = False

    def compose(self) -> ComposeResult:
        yield Header(show_clock=True)
        yield Static(id="problems", markup=False)
        yield DataTable[str](id="agents", cursor_type="row", zebra_stripes=True)
        yield RichLog(id="events", max_lines=1_000, markup=False)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#agents", DataTable).add_columns(*COLUMNS)
        self.set_interval(REFRESH, self.redraw)
        self.run_worker(self._follow(), name="events")
        self.redraw()

    def action_pause(self) -> None:
        """Hold the events still to read them; the table goes on."""
        self._paused = not self._paused
        self.sub_title = "events paused" if self._paused else ""

    def redraw(self) -> None:
        """The table and the problems as they are now; the selected agent stays selected."""
        views = self._views()
        table = self.query_one("#agents", DataTable)
        row = table.cursor_row
        table.clear()
        for view in views:
            table.add_row(*_cells(view))
        if views:
            table.move_cursor(row=min(row, len(views) - 1))
        problems = problems_of(views)[:5]
        text = ", ".join(f"{p.severity} {p.agent} {p.code}" for p in problems)
        self.query_one("#problems", Static).update(text or f"{len(views)} agents, no problem")

    async def _follow(self) -> None:
        log = self.query_one("#events", RichLog)
        async for line in self._events():
            if not self._paused:
                log.write(line)


def _cells(view: AgentView) -> tuple[Any, ...]:
    troubled = [f"{p}:{c.value}" for p, c in view.checks.items() if c.value != "pass"]
    return (
        view.agent,
        view.state.value,
        f"{age(view.age)} ago" if view.age is not None else "never",
        age(view.uptime),
        ",".join(troubled) or f"{len(view.checks)} pass",
        ",".join(view.alerts) or "none",
        (view.versions or {}).get("agent", "unknown"),
    )
