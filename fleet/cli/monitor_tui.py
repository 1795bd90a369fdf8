"""`fleet monitor --tui`: the fleet and its events on a full screen (extra `tui`).

Keys are those that people know from k9s: `/` narrows, `:` goes to another pane, `?` tells keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.suggester import SuggestFromList
from textual.widgets import (
    DataTable,
    Footer,
    Header,
    HelpPanel,
    Input,
    RichLog,
    Static,
    TabbedContent,
    TabPane,
)

from fleet.cli.monitor_panes import COLUMNS, SITE, Pane, Rows, narrowed, rows_of
from fleet.contract.errors import FleetError
from fleet.contract.printable import printable
from fleet.domain.problems import ExitCode
from fleet.fleet_page import FleetPage

REFRESH: Final = 2.0
"""Seconds between looks at the fleet, as in `fleet status --watch`."""

NAMED: Final = 5
"""Problems named above the table; the rest is counted."""

QUIT: Final = "quit"

Line = str
Look = Callable[[], Awaitable[FleetPage]]
Search = Callable[[str], Awaitable[FleetPage]]
AskHub = Callable[[], Awaitable[dict[Pane, Rows]]]
Events = Callable[[], AsyncIterator[Line]]


async def no_hub() -> dict[Pane, Rows]:
    """Where no hub is asked."""
    return {}


class Screen(App[None]):
    """The panes above, worst first; events below, newest last."""

    TITLE = "fleet"
    CSS = """
    #panes { height: 2fr; } #events { height: 1fr; border-top: solid $primary; }
    #ask { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("slash", "narrow", "Filter", key_display="/"),
        Binding("colon", "go", "Go to", key_display=":"),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("p", "pause", "Pause events"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(
        self, look: Look, events: Events, hub: AskHub = no_hub, search: Search | None = None
    ) -> None:
        """`search`: agents with a text in their name or state, where not all are on the page."""
        super().__init__()
        self._look = look
        self._search = search
        self._hub = hub
        self._events = events
        self._paused = False
        self._asks_where = False
        self._narrow = ""
        self._rows: dict[Pane, Rows] = {pane: [] for pane in Pane}

    def compose(self) -> ComposeResult:
        yield Header(show_clock=True)
        yield Static(id="problems", markup=False)
        with TabbedContent(id="panes"):
            for pane in Pane:
                with TabPane(pane.value, id=f"pane-{pane}"):
                    yield DataTable[Text](id=pane.value, cursor_type="row", zebra_stripes=True)
        yield Input(id="ask")
        yield RichLog(id="events", max_lines=1_000, markup=False)
        yield Footer()

    def on_mount(self) -> None:
        for pane in Pane:
            self._table(pane).add_columns(*COLUMNS[pane])
        self._table(Pane.AGENTS).focus()
        self.run_worker(self._look_again(), name="state")
        self.run_worker(self._follow(), name="events")

    def action_pause(self) -> None:
        """Hold the events still to read them; the tables go on."""
        self._paused = not self._paused
        self._tell_mode()

    def action_narrow(self) -> None:
        """Ask for a text: only rows with it stay."""
        self._ask("part of a row; Escape shows all", self._narrow, where=False)

    def action_go(self) -> None:
        """Ask for a pane."""
        self._ask(f"{', '.join(Pane)}, or {QUIT}", "", where=True)

    def action_keys(self) -> None:
        """Show the keys, or hide them again."""
        if self.screen.query(HelpPanel):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_leave(self) -> None:
        """Leave what is asked; else show every row again."""
        asked = self.query_one("#ask", Input).display
        if not (asked and self._asks_where):
            self._narrow_to("")
        self._answered()

    def on_input_changed(self, event: Input.Changed) -> None:
        if not self._asks_where and event.input.display:
            self._narrow_to(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        where = event.value.strip().lower()
        is_pane = self._asks_where
        self._answered()
        if not is_pane:
            return
        if where and QUIT.startswith(where):
            self.exit()
            return
        found = [pane for pane in Pane if where and pane.value.startswith(where)]
        if len(found) != 1:
            self.notify(f"Try: {', '.join(Pane)}", title="no such pane", severity="warning")
            return
        self.query_one(TabbedContent).active = f"pane-{found[0]}"
        self._table(found[0]).focus()

    def redraw(
        self, page: FleetPage, of_hub: dict[Pane, Rows], found: FleetPage | None = None
    ) -> None:
        """The tables and the problems as they are now; what nobody told stays as it was. `found`:
        agents that were searched for, on the page or not."""
        if not self.query(DataTable):
            return  # it is being left
        rows = rows_of(page)
        if found:
            shown = {view.agent for view in page.views}
            rows[Pane.AGENTS] += [row for row in rows_of(found)[Pane.AGENTS] if row[0] not in shown]
        self._rows |= rows | of_hub
        self._draw()
        problems = [f"{p.severity.value} {p}" for p in (*page.own, *page.problems)]
        text = ", ".join(problems[:NAMED])
        count = len(problems) + page.more_problems
        if count > NAMED:
            text += f" and {count - NAMED} more"
        well = "no problem" if page.exit_code is ExitCode.OK else page.exit_code.name.lower()
        beyond = f"below are the worst {len(page.views)}, and not {page.more}" if page.more else ""
        if found and found.more:
            beyond += f"; of those searched for the worst {len(found.views)}, and not {found.more}"
        self._say(text or f"{page.found.agents} agents, {well}", beyond, page.note)

    def _draw(self) -> None:
        """Each table's rows; the row that is selected stays so."""
        for pane, rows in self._rows.items():
            table = self._table(pane)
            row = table.cursor_row
            table.clear()
            if rows and len(rows[0]) > len(table.columns):
                table.add_column(SITE)
            shown = narrowed(rows, self._narrow)
            for cells in shown:
                # As text: a string would be read as markup.
                table.add_row(*(Text(printable(cell)) for cell in cells))
            if shown:
                table.move_cursor(row=min(row, len(shown) - 1))

    def _narrow_to(self, text: str) -> None:
        if text != self._narrow:
            self._narrow = text
            self._tell_mode()
            self._draw()

    def _ask(self, placeholder: str, value: str, *, where: bool) -> None:
        field = self.query_one("#ask", Input)
        self._asks_where = where
        field.suggester = SuggestFromList([*Pane, QUIT]) if where else None
        field.placeholder, field.value, field.display = placeholder, value, True
        field.focus()

    def _answered(self) -> None:
        self.query_one("#ask", Input).display = False
        active = self.query_one(TabbedContent).active.removeprefix("pane-")
        self._table(Pane(active)).focus()

    def _tell_mode(self) -> None:
        narrow = f"only {printable(self._narrow)!r}" if self._narrow else ""
        paused = "events paused" if self._paused else ""
        self.sub_title = ", ".join(filter(None, (narrow, paused)))

    def _table(self, pane: Pane) -> DataTable[Text]:
        return self.query_one(f"#{pane}", DataTable)

    def _say(self, *lines: str) -> None:
        self.query_one("#problems", Static).update("\n".join(map(printable, filter(None, lines))))

    async def _look_again(self) -> None:
        while True:
            try:
                page = await self._look()
                searches = self._search if page.more and self._narrow.strip() else None
                found = await searches(self._narrow) if searches else None
                self.redraw(page, {}, found)
                self.redraw(page, await self._hub(), found)
            except FleetError as error:  # the tables stay as they were: what they say has an age
                self._say(" ".join(str(error).split()))
            await asyncio.sleep(REFRESH)

    async def _follow(self) -> None:
        log = self.query_one("#events", RichLog)
        async for line in self._events():
            if not self._paused:
                log.write(printable(line))
