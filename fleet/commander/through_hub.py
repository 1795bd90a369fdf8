"""Send a verb through the hub: it keeps the command, and delivers it to whoever is away later.

The replies are read from the hub's event stream, so they are shown as they come.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from fleet.client import HubClient, HubError
from fleet.commander.direct import Answer, Order
from fleet.contract.messages import Status
from fleet.contract.reading import Reader
from fleet.contract.words import MessageKind

STREAM_TIMEOUT: Final = 30.0
"""Seconds without a byte after which the stream counts as dead; the hub pings every 15."""


class ThroughHub:
    """A way to agents by their hub; see `fleet.commander.direct.Direct` for the other one."""

    def __init__(self, client: HubClient, reader: Reader) -> None:
        self._client = client
        self._reader = reader
        self._ids: dict[str, str] = {}

    async def known(self) -> list[str]:
        """Every agent the hub knows, also those that are away."""
        answer = await asyncio.to_thread(self._client.get, "/v1/agents")
        return sorted(item["agent"] for item in answer["agents"])

    async def send(
        self, order: Order, expected: Sequence[str], patience: float
    ) -> AsyncIterator[Answer]:
        """Hand the order to the hub and yield answers until all came or `patience` is over.

        Raises:
            HubError: the hub is away or refuses.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        opened = asyncio.Event()
        stream = threading.Thread(
            target=self._listen,
            args=(
                lambda: loop.call_soon_threadsafe(opened.set),
                lambda event: loop.call_soon_threadsafe(events.put_nowait, event),
            ),
            name="hub-events",
            daemon=True,  # it ends with the process; a blocking read cannot be cancelled
        )
        stream.start()
        async with asyncio.timeout(STREAM_TIMEOUT):
            await opened.wait()
        started: dict[str, float] = {}
        for agent in expected:
            started[await self._post(order, agent)] = time.perf_counter()
        waiting = set(expected)
        end = time.monotonic() + patience
        while waiting:
            try:
                event = await asyncio.wait_for(events.get(), end - time.monotonic())
            except TimeoutError:
                return
            if event is None:
                raise HubError("the hub's event stream ended", "", "fleet status")
            answer = self._answer(event, started)
            if answer is not None and answer.agent in waiting:
                waiting.discard(answer.agent)
                yield answer

    async def fates(self, agents: Sequence[str]) -> dict[str, str]:
        """What became of the commands to `agents` that have not answered: `queued` ones wait for
        their agent; one that was sent is silent so far."""
        answer = await asyncio.to_thread(self._client.get, "/v1/inbox")
        states = {item["id"]: item["state"] for item in answer["messages"]}
        found = {agent: states.get(self._ids[agent], "silent") for agent in agents}
        return {agent: "silent" if s == "sent" else s for agent, s in found.items()}

    async def _post(self, order: Order, agent: str) -> str:
        body = {
            "to": agent,
            "verb": order.verb.value,
            "ttl": order.ttl,
            "priority": order.priority.value,
        }
        answer = await asyncio.to_thread(self._client.post, "/v1/send", body)
        self._ids[agent] = answer["ids"][0]
        return self._ids[agent]

    def _listen(self, opened: Any, put: Any) -> None:
        """In a thread: every status on the bus, until the process ends or the stream does."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is the hub's own http
            f"{self._client.url}/v1/events",
            headers={"Authorization": f"Bearer {self._client.token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=STREAM_TIMEOUT) as response:
                opened()
                for event in _events(response):
                    put(event)
        except OSError:
            pass
        finally:
            opened()
            put(None)

    def _answer(self, event: dict[str, Any], started: dict[str, float]) -> Answer | None:
        message = event.get("message", {})
        reply = message.get("reply") or {}
        if event.get("kind") != MessageKind.STATUS or reply.get("to") not in started:
            return None
        status = self._reader.read(MessageKind.STATUS, json.dumps(message).encode())
        if not isinstance(status, Status) or status.reply is None:
            return None
        return Answer(
            event["agent"],
            status.reply.verb,
            status.reply.result,
            status.reply.code,
            time.perf_counter() - started[reply["to"]],
            status.reply.took,
            status,
        )


def _events(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The data of each bus event in a stream of server-sent events."""
    name, data = "", ""
    for raw in lines:
        line = raw.decode().rstrip("\r\n")
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif not line:
            if name == "bus" and data:
                yield json.loads(data)
            name, data = "", ""
