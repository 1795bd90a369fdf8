"""What the demo sees from outside, as a user would: by `fleet status`, by HTTP, by the audit."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import click

from fleet.cli.demo.stage import AGENTS, clean_environment
from fleet.domain.verdict import Verdict
from fleet.fleet_state import look
from fleet.hub_client import HubClient, HubError
from fleet.settings import Settings

PATIENCE: Final = 30.0
"""Seconds a step may take before it counts as not observed; most take milliseconds."""


class NotObservedError(Exception):
    """A step did not come true in time."""


async def observed(
    fact: Callable[[], Any], what: str, trouble: Callable[[], str] = lambda: ""
) -> Any:
    """The first truthy result of `fact`.

    Raises:
        NotObservedError: it did not come true in `PATIENCE` seconds.
    """
    end_at = time.monotonic() + PATIENCE
    while time.monotonic() < end_at:
        value = await fact()
        if value:
            return value
        await asyncio.sleep(0.1)
    raise NotObservedError(f"{what} did not come within {PATIENCE:g} s. {trouble()}".strip())


class Observer:
    """Looks at the demo's fleet; `token` is shown to its hub.

    Attributes:
        url: where the hub serves, once `hub_is_ready` has found it.
    """

    def __init__(self, settings: Settings, token: str = "") -> None:
        self._settings = settings
        self.token = token
        self.url = ""

    @property
    def environ(self) -> dict[str, str]:
        """Settings under which `fleet` finds this fleet and no other."""
        return {
            "FLEET_HOME": str(self._settings.home),
            "FLEET_BROKER": str(self._settings.broker),
            "FLEET_HTTP": "127.0.0.1:0",
        }

    async def hub_is_ready(self) -> bool:
        """The hub took a free port and left its address in its home."""
        with suppress(HubError):
            self.url = HubClient.of(self._settings.home).url
        return bool(self.url and await self._http("/readyz"))

    async def all_ok(self) -> Any:
        return await self.states({Verdict.OK: len(AGENTS)})

    async def states(self, wanted: Mapping[Verdict, int]) -> Any:
        """The fleet, once so many of its agents have the wanted verdicts."""
        state = await look(self._settings)
        views = state.views
        counts = {verdict: sum(view.state is verdict for view in views) for verdict in wanted}
        return state if counts == wanted and len(views) == len(AGENTS) else None

    async def state_is(self, agent: str, verdict: Verdict) -> bool:
        return any(
            view.agent == agent and view.state is verdict
            for view in (await look(self._settings)).views
        )

    async def rejected(self) -> bool:
        """The hub has counted a field that the contract does not have."""
        stats = await self._http("/v1/stats")
        return bool(stats and stats.get("rejects", {}).get("unknown-field"))

    async def dropped(self) -> dict[str, float]:
        """What each sidecar has refused, by agent."""
        return {
            view.agent: view.metrics.get("rejected_total", 0.0)
            for view in (await look(self._settings)).views
        }

    async def audited(self, leak: str) -> str | None:
        """The rules that the audit of the hub's own capture found broken.

        Raises:
            NotObservedError: its output shows the `leak` itself.
        """
        output = await self.fleet("audit", "run", "-o", "json", expected=(0, 2, 3), quiet=True)
        if leak in output:
            raise NotObservedError("the audit itself shows the address")
        found = {finding["rule"] for finding in json.loads(output)["findings"]}
        return ", ".join(sorted(found)) if "pii.email" in found else None

    async def fleet(
        self, *arguments: str, expected: tuple[int, ...] = (0,), quiet: bool = False
    ) -> str:
        """What `fleet ARGUMENTS` prints, as a user would see it.

        Raises:
            NotObservedError: its exit code is not an expected one.
        """
        if not quiet:
            click.echo(f"  $ fleet {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fleet",
            *arguments,
            env=clean_environment() | self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output, errors = await process.communicate()
        if process.returncode not in expected:
            complaint = errors.decode(errors="replace").strip()
            raise NotObservedError(f"exit code {process.returncode}: {complaint}")
        return output.decode(errors="replace")

    async def _http(self, path: str) -> Any:
        with suppress(HubError):
            return await asyncio.to_thread(HubClient(self.url, self.token).get, path)
        return None
