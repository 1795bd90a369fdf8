"""Send a verb through the hub: it keeps the command, and delivers it to whoever is away later.

The replies are read from the hub's event stream, so they are shown as they come.
"""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import orjson

from fleet.commander.over_broker import AgentReply, CommandMessage
from fleet.contract.messages import Status
from fleet.contract.reader import Reader
from fleet.contract.vocabulary import MessageKind, ReplyCode
from fleet.hub_client import MAX_ANSWER, HubClient, HubError
from fleet.hub_names import names_of
from fleet.hub_patience import Patience

NAMED: Final = 300
"""Agents that one request names: as many of the longest names as the hub takes in a body."""

PIECE: Final = 65_536
"""Bytes of the stream read at a time."""

STREAM_TIMEOUT: Final = 30.0
"""Seconds without a byte after which the stream counts as dead; the hub pings every 15."""


class ThroughHub:
    """A way to agents by their hub; the other one is `over_broker.OverBroker`."""

    def __init__(self, client: HubClient, reader: Reader) -> None:
        self._client = client
        self._reader = reader
        self._sent: set[str] = set()

    async def known(self) -> list[str]:
        """Every agent the hub knows, also those that are away; of several sites those of its own,
        whom a broadcast reaches."""
        told = await asyncio.to_thread(names_of, self._client, own=True)
        return told.names

    async def send(
        self, command: CommandMessage, expected: Sequence[str], patience: float
    ) -> AsyncIterator[AgentReply]:
        """Hand the command to the hub and yield answers until all came or `patience` is over.

        Raises:
            HubError: the hub is away or refuses.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[list[dict[str, Any]] | None] = asyncio.Queue()
        opened, over = asyncio.Event(), threading.Event()

        def call(work: Callable[..., object], *values: object) -> None:
            with suppress(RuntimeError):  # nobody waits for what comes after the last answer
                loop.call_soon_threadsafe(work, *values)

        stream = threading.Thread(
            target=self._listen,
            args=(lambda: call(opened.set), lambda events_: call(events.put_nowait, events_), over),
            name="hub-events",
            daemon=True,  # it ends with the process; a blocking read cannot be cancelled
        )
        stream.start()
        try:
            async with asyncio.timeout(STREAM_TIMEOUT):
                await opened.wait()
            started = await self._post(command)
            waiting = set(expected)
            end = time.monotonic() + patience
            while waiting:
                try:
                    arrived = await asyncio.wait_for(events.get(), end - time.monotonic())
                except TimeoutError:
                    return
                if arrived is None:
                    raise HubError("the hub's event stream ended", "", "fleet status")
                for event in arrived:
                    answer = self._answer(event, started)
                    if answer is not None and answer.agent in waiting:
                        waiting.discard(answer.agent)
                        yield answer
        finally:
            over.set()

    async def fates(self, agents: Sequence[str]) -> dict[str, str]:
        """What became of the commands to `agents` that have not answered: `queued` ones wait for
        their agent; one that was sent is silent so far."""
        if not agents:
            return {}
        ended = await asyncio.to_thread(self._client.get, "/v1/inbox")
        unread = await asyncio.to_thread(self._client.get, "/v1/inbox?unread=true")
        ours = {
            item["agent"]: item["state"]
            for item in (*ended["messages"], *unread["messages"])
            if (item["broadcast"] or item["id"]) in self._sent
        }
        found = {agent: ours.get(agent, "silent") for agent in agents}
        return {agent: "silent" if s == "sent" else s for agent, s in found.items()}

    async def _post(self, command: CommandMessage) -> dict[str, float]:
        """Ids on the bus, with the moment each was handed to the hub."""
        body = {"verb": command.verb.value, "ttl": command.ttl, "priority": command.priority.value}
        started: dict[str, float] = {}
        for start in range(0, max(len(command.agents), 1), NAMED):
            named = command.agents[start : start + NAMED]
            now = time.perf_counter()
            answer = await asyncio.to_thread(
                self._client.post, "/v1/send", body | ({"to": list(named)} if named else {})
            )
            ids = [answer["broadcast"]] if answer["broadcast"] else answer["ids"]
            started |= dict.fromkeys(ids, now)
        self._sent |= started.keys()
        return started

    def _listen(self, opened: Any, put: Any, over: threading.Event) -> None:
        """In a thread: every status on the bus, until the stream ends, or brings something after
        it is `over`: the hub is not to tell all the rest to nobody."""
        try:
            with self._stream() as response:
                opened()
                for events in _events(response.read1):
                    if over.is_set():
                        return
                    put(events)
        except (OSError, http.client.HTTPException):  # also in the middle of an event
            pass
        finally:
            opened()
            put(None)

    def _stream(self) -> Any:
        """The hub's answer that does not end; a hub that has too much to do is asked again when it
        says so, as `HubClient` does for all else.

        Raises:
            OSError: it refuses, or does not answer.
        """
        request = urllib.request.Request(  # noqa: S310 - the scheme is the hub's own http
            f"{self._client.url}/v1/events?only=bus&kind={MessageKind.STATUS}",
            headers={"Authorization": f"Bearer {self._client.token}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        patience = Patience()
        while True:
            try:
                return opener.open(request, timeout=STREAM_TIMEOUT)
            except urllib.error.HTTPError as error:
                error.close()
                asked = error.headers.get("Retry-After", "")
                seconds = float(asked) if asked.isdecimal() and len(asked) < 9 else 1.0
                busy = error.code == HTTPStatus.TOO_MANY_REQUESTS
                wait = patience.wait(seconds) if busy else None
                if wait is None:
                    raise
            time.sleep(wait)

    def _answer(self, event: dict[str, Any], started: dict[str, float]) -> AgentReply | None:
        message = event["message"]
        reply = message.get("reply") or {}
        if reply.get("to") not in started:
            return None
        status = self._reader.read(MessageKind.STATUS, orjson.dumps(message))
        if not isinstance(status, Status) or status.reply is None:
            return None
        if status.reply.code is ReplyCode.OTHER_SESSION:
            return None  # the hub signs it again
        return AgentReply(
            event["agent"],
            status.reply.verb,
            status.reply.result,
            status.reply.code,
            time.perf_counter() - started[reply["to"]],
            status.reply.took,
            status,
        )


def _events(read: Callable[[int], bytes]) -> Iterator[list[dict[str, Any]]]:
    """The data of the server-sent events that each read completes."""
    rest = b""
    while chunk := read(PIECE):
        *whole, rest = (rest + chunk).split(b"\r\n\r\n")
        found = [event.partition(b"data: ")[2] for event in whole]
        if len(rest) > MAX_ANSWER:
            raise HubError("what answers is no hub", "an event without end", "FLEET_HUB=https://…")
        try:
            events = [orjson.loads(data) for data in found if data]
        except (ValueError, RecursionError):
            what, why = "what answers is no hub", "an event that is not JSON"
            raise HubError(what, why, "FLEET_HUB=https://…") from None
        if events:
            yield events
