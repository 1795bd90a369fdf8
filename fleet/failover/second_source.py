"""Whether a second source says that an agent is gone: Docker or systemd, asked now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from fleet.domain.agent_view import AgentView
from fleet.verify import SourceError, source_of

AGAIN: Final = 3.0
"""Seconds between two questions about one agent."""

FRESH: Final = 15.0
"""Seconds that an answer counts."""

PATIENCE: Final = 10.0
"""Seconds for an answer."""


class SecondSource:
    """Asks for agents whose labels name a container or a unit."""

    def __init__(self, docker: str | None = None) -> None:
        self._docker = docker
        self._asked: dict[str, float] = {}
        self._said: dict[str, tuple[bool, float]] = {}

    async def ask(self, views: Mapping[str, AgentView]) -> None:
        """Ask about these, those that were not asked about just now, beside each other."""
        now = time.monotonic()
        due = [name for name in views if now - self._asked.get(name, float("-inf")) >= AGAIN]
        self._asked.update(dict.fromkeys(due, now))
        await asyncio.gather(*(self._ask(views[name]) for name in due))

    def says_gone(self, agent: str) -> bool | None:
        """None: nothing is known by now."""
        gone, at = self._said.get(agent, (False, float("-inf")))
        return gone if time.monotonic() - at <= FRESH else None

    async def _ask(self, view: AgentView) -> None:
        try:
            source = source_of(view, None, None, self._docker)
            async with asyncio.timeout(PATIENCE):
                evidence = await asyncio.to_thread(source)
        except (SourceError, TimeoutError):  # no evidence either way
            return
        self._said[view.agent] = (not evidence.running, time.monotonic())
