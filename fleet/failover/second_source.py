"""Whether a second source says that an agent is gone: Docker or systemd, asked now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fleet.domain.agent_view import AgentView
from fleet.verify import SourceError, source_of

AGAIN: Final = 3.0
"""Seconds between two questions about one agent."""

FRESH: Final = 15.0
"""Seconds that an answer counts, from when it was asked for."""

AT_ONCE: Final = 8
"""Questions at a time; threads of their own, since who hangs must hold up nothing else."""

_log = logging.getLogger(__name__)


class SecondSource:
    """Asks for agents whose labels name a container or a unit. Nobody waits for an answer: it
    counts from when it is there."""

    def __init__(self, docker: str | None = None) -> None:
        self._docker = docker
        self._threads = ThreadPoolExecutor(AT_ONCE, "second-source")
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, float] = {}
        self._said: dict[str, tuple[bool, float]] = {}

    def ask(self, view: AgentView) -> None:
        """Ask about this one, unless it was asked about just now or the answer is still due."""
        now, agent = time.monotonic(), view.agent
        if agent in self._asking or now - self._asked.get(agent, float("-inf")) < AGAIN:
            return
        self._asked[agent] = now
        task = asyncio.create_task(self._ask(view, now), name=f"second source of {agent}")
        self._asking[agent] = task
        task.add_done_callback(lambda _: self._asking.pop(agent, None))

    def says_gone(self, agent: str) -> bool | None:
        """None: nothing is known by now."""
        gone, at = self._said.get(agent, (False, float("-inf")))
        return gone if time.monotonic() - at <= FRESH else None

    async def close(self) -> None:
        """Nobody asks any more; twice is safe."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, view: AgentView, now: float) -> None:
        try:
            source = source_of(view, None, None, self._docker)
            evidence = await asyncio.get_running_loop().run_in_executor(self._threads, source)
        except SourceError:  # no evidence either way
            return
        except Exception:  # noqa: BLE001 - a source that breaks is no evidence, either
            _log.exception("the second source of %s cannot be asked", view.agent)
            return
        self._said[view.agent] = (not evidence.running, now)
