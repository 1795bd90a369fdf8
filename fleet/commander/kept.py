"""The commands that a hub keeps, in its memory and in its store, and the one way to change them.

A store takes a moment to write, and meanwhile others want to change the same command: its agent
answers, reads it or is revoked. What is written is therefore chosen from what is kept by then, one
change at a time: what has ended is not brought back, and ends once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fleet.contract.vocabulary import Result
from fleet.domain.commands import CommandBook, CommandState, IssuedCommand, Step
from fleet.domain.hub_clock import Step as ClockStep

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

OnChange = Callable[[list[IssuedCommand]], None]
Choose = Callable[[CommandBook], list[IssuedCommand]]
"""Gives commands out of those that are kept, or as they are to be kept; it must not wait."""


class KeptCommands:
    """The open commands of a hub.

    Attributes:
        book: the open ones; to read.
        observers: called with the commands that changed, as many as did at once.
        outcomes: commands by (verb, state) that have ended since the start.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._changing = asyncio.Lock()
        self._steps: list[ClockStep] = []  # since the start: a clock makes few
        self.book = CommandBook()
        self.observers: list[OnChange] = []
        self.outcomes: dict[tuple[str, str], int] = {}

    async def add(self, commands: list[IssuedCommand]) -> None:
        """Keep new ones; nobody else can know of them yet."""
        await self._save(commands)

    async def change(self, choose: Choose) -> list[IssuedCommand]:
        """Keep what `choose` gives when no other change is under way; the same."""
        async with self._changing:
            changed = choose(self.book)
            await self._save(changed)
            return changed

    async def send(self, agents: Iterable[str]) -> list[IssuedCommand]:
        """Note of what waits for `agents` that it is sent; whoever gets it here sends it."""

        def choose(book: CommandBook) -> list[IssuedCommand]:
            now = self._hub.committer.now()  # it may have waited for the store until here
            waiting = [one for agent in agents for one in book.waiting(agent, now)]
            return [one.step(Step.SEND, now) for one in waiting]

        return await self.change(choose)

    async def queue_again(self, unsent: Iterable[IssuedCommand]) -> None:
        """The publish failed: they wait again, but not if meanwhile they were answered or read."""

        def choose(book: CommandBook) -> list[IssuedCommand]:
            kept = [known for one in unsent if (known := book.get(one.id))]
            sent = [one for one in kept if one.state is CommandState.SENT]
            return [replace(one, state=CommandState.QUEUED, sent=None) for one in sent]

        await self.change(choose)

    async def read(self, agent: str | None, now: float) -> list[IssuedCommand]:
        """`agent` reads what is open; those of which that is news."""

        def choose(book: CommandBook) -> list[IssuedCommand]:
            waiting = [one for one in book.inbox(agent) if one.deadline > now]
            read = [one.step(Step.READ, now) for one in waiting]
            return [new for new, old in zip(read, waiting, strict=True) if new is not old]

        return await self.change(choose)

    async def end(self, which: Choose, result: Result, now: float) -> list[IssuedCommand]:
        """End those of the open commands that are meant, by a result that no reply brought."""
        return await self.change(
            lambda book: [one.replied(result, None, None, now) for one in which(book)]
        )

    def restamp(self, step: ClockStep) -> None:
        """The hub's stamps moved; those of what is being written do so once it is."""
        self.book.restamp(step)
        self._steps.append(step)

    async def _save(self, commands: list[IssuedCommand]) -> None:
        if not commands:
            return
        store, known_steps = self._hub.store, len(self._steps)
        await self._hub.committer.patience.until_taken(lambda: store.save_commands(commands))
        for step in self._steps[known_steps:]:
            commands = [one.restamped(step) for one in commands]
        for command in commands:
            known = self.book.get(command.id)
            self.book.save(command)
            if known is not None and known.open and not command.open:
                key = (command.verb.value, command.state.value)
                self.outcomes[key] = self.outcomes.get(key, 0) + 1
        for observer in self.observers:
            observer(commands)
