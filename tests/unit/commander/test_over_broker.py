"""Whoever asks over the broker alone hears what was asked, and no more of the fleet than that."""

from __future__ import annotations

import asyncio
import json

import pytest

from fleet.bus.connect_options import ConnectOptions
from fleet.bus.in_process import InProcessBroker, InProcessBus
from fleet.bus.port import Inbound
from fleet.commander.over_broker import AgentReply, CommandMessage, send
from fleet.contract.broker_url import BrokerUrl
from fleet.contract.reader import Reader
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind, Verb

TOPICS = Topics()
AGENTS = ("lara", "larry", "moe")
RUNNING = {"state": "running", "ts": "2026-03-18T21:30:00Z"}


def options(name: str) -> ConnectOptions:
    return ConnectOptions(BrokerUrl("127.0.0.1", 1883), name)


class Counting(InProcessBus):
    heard: list[Inbound]

    def arrive(self, message: Inbound) -> None:
        self.heard.append(message)
        super().arrive(message)


async def answer(bus: InProcessBus) -> None:
    """Stand in for every agent."""
    async for message in bus.messages():
        agent, order = TOPICS.parse(message.topic).agent, json.loads(message.payload)
        reply = {"verb": order["verb"], "to": order["id"], "result": "done", "code": "ok"}
        said = json.dumps({**RUNNING, "reply": reply}).encode()
        await bus.publish(TOPICS.of(MessageKind.STATUS, agent), said)


@pytest.mark.parametrize(("asked", "heard"), [(("larry",), 1 + 1), (AGENTS, 3 + 3)])
async def test_retained_states_come_only_of_those_who_are_asked(
    asked: tuple[str, ...], heard: int
) -> None:
    broker = InProcessBroker()
    async with InProcessBus(broker, options("agents")) as agents:
        await agents.subscribe(TOPICS.every(MessageKind.COMMAND))
        for agent in AGENTS:
            topic = TOPICS.of(MessageKind.STATUS, agent)
            await agents.publish(topic, json.dumps(RUNNING).encode(), retain=True)
        async with Counting(broker, options("asker")) as bus, asyncio.TaskGroup() as group:
            bus.heard = []
            answering = group.create_task(answer(agents))
            order = CommandMessage(Verb.STATUS_REPORT, asked)
            found: list[AgentReply] = [
                one async for one in send(bus, TOPICS, Reader(), order, expected=asked, patience=10)
            ]
            answering.cancel()
    assert sorted(one.agent for one in found) == sorted(asked)
    assert len(bus.heard) == heard
