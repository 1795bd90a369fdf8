"""Commands to agents that are asked of either of two hubs while they are killed: each that was
accepted is one message to its agent, and each that was refused is none."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fleet.contract.timestamps import timestamp
from fleet.tokens import Principal, Role, Tokens
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher
from tests.support.hub_http import ask
from tests.support.waiting import wait_until

VERB: Final = "status-report"


class Commanded:
    """An agent for each command, that beats once, is asked once, and answers what it hears.

    Attributes:
        beats: how many of them have beaten.
        accepted: by agent the id that a hub promised.
        refused: agents of whom a hub said that nothing was done.
        unsure: agents of whom no hub said what became of it.
    """

    def __init__(self, broker: Mosquitto, hubs: Sequence[HubProcess]) -> None:
        self._hubs = hubs
        token, _ = Tokens(hubs[0].home).create(Principal(Role.OPERATOR), timestamp(time.time()))
        for hub in hubs[1:]:
            hub.home.joinpath("tokens.json").write_bytes(
                hubs[0].home.joinpath("tokens.json").read_bytes()
            )
            hub.home.joinpath("tokens.json").chmod(0o600)
        self._headers = {
            "Authorization": f"Bearer {token}", "Content-Type": "application/json",
        }  # fmt: skip
        self._link = Publisher(broker, "commanded")
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._ask_on, self._answer_on)]
        self.beats = 0
        self.accepted: dict[str, str] = {}
        self.refused: set[str] = set()
        self.unsure: set[str] = set()

    def start(self) -> None:
        self._link.listen("fleet/+/command")
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask for no more."""
        self._ended.set()
        self._threads[0].join()

    def close(self) -> None:
        self._ended.set()
        self._link.close()

    def heard(self) -> dict[str, set[str]]:
        """By agent the ids of the commands that came: a sidecar does each id once."""
        found: dict[str, set[str]] = {}
        for topic, message in list(self._link.inbox):
            found.setdefault(topic.split("/")[1], set()).add(str(message["id"]))
        return found

    def wait(self, seconds: float) -> None:
        wait_until(lambda: self.accepted.keys() <= self.heard().keys(), seconds)

    def findings(self) -> tuple[int, int]:
        """How many were lost, and how many were doubled, or done though nothing was promised."""
        heard = self.heard()
        lost = sum(id_ not in heard.get(agent, ()) for agent, id_ in self.accepted.items())
        doubled = sum(len(ids) > 1 for ids in heard.values())
        return lost, doubled + len(self.refused & heard.keys())

    def _ask_on(self) -> None:
        number = 0
        while not self._ended.wait(0.5):
            agent, number = f"c{number}", number + 1
            beat = f'{{"ok":true,"ts":"{timestamp(time.time())}","uptime":{10**9 + number}}}'
            self._link.publish_as(agent, "heartbeat", beat).wait_for_publish(30)
            self.beats += 1
            self._ask(agent)

    def _ask(self, agent: str) -> None:
        """Once it is known; a hub that was killed since, and does not listen, did nothing."""
        body = json.dumps({"to": agent, "verb": VERB}).encode()
        while not self._ended.is_set():
            url = f"http://{random.choice(self._hubs).http}/v1/send"
            try:
                answer = ask(url, "POST", body, self._headers)
            except OSError as error:
                nobody = isinstance(getattr(error, "reason", None), ConnectionRefusedError)
                (self.refused if nobody else self.unsure).add(agent)
                return
            if answer.status == HTTPStatus.ACCEPTED:
                [self.accepted[agent]] = json.loads(answer.body)["ids"]
            elif answer.status == HTTPStatus.NOT_FOUND:  # its beat has not come to the hub yet
                time.sleep(0.2)
                continue
            else:
                nothing = b"nothing was done" in answer.body
                (self.refused if nothing else self.unsure).add(agent)
            return

    def _answer_on(self) -> None:
        done = 0
        while not self._ended.wait(0.05):
            for topic, message in self._link.inbox[done:]:
                done += 1
                reply = {"to": message["id"], "verb": VERB, "result": "done"}
                status = {"state": "running", "ts": timestamp(time.time()), "reply": reply}
                self._link.publish_as(topic.split("/")[1], "status", json.dumps(status))
