"""Whose turn it is, where FLEET_BROKER names several brokers, and what is known of that one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from paho.mqtt.enums import MQTTProtocolVersion

from agent_sidecar.config import Config
from agent_sidecar.mqtt.ability import BrokerAbility
from agent_sidecar.mqtt.client import keepalive
from agent_sidecar.mqtt.in_thread import InThread
from fleet.contract.broker_choice import BrokerChoice
from fleet.contract.broker_look import HELLO, PATIENCE, is_answer
from fleet.contract.host_name import for_socket

NEWEST = MQTTProtocolVersion.MQTTv5


class BrokerTurns:
    """One broker at a time; `wake` is called from the thread that looks at the first.

    Attributes:
        all: every address, for a person.
        config: the settings as they are for the broker whose turn it is.
        version: of MQTT, to try there.
        unsupported: whether it said that it does not speak MQTT 5.
        unanswered: whether a connection ended there before it was answered.
    """

    def __init__(self, config: Config, wake: Callable[[], None]) -> None:
        self._each = [replace(config, broker=one, standbys=()) for one in config.brokers.every]
        self.all = str(config.brokers)
        self._choice = BrokerChoice(len(self._each))
        self._looking = InThread(wake)
        self._refused_by: set[int] = set()
        self._go_back = False
        self._arrive()

    def _arrive(self) -> None:
        self.config = self._each[self._choice.at]
        self.ability = BrokerAbility(self.config.broker, keepalive(self.config.interval))
        self.version = NEWEST
        self.unsupported = self.unanswered = False

    @property
    def name(self) -> str:
        """The broker's address, for a person."""
        return str(self.config.broker)

    @property
    def refused_by_all(self) -> bool:
        """Whether each of them knows us and does not want us."""
        return len(self._refused_by) == len(self._each)

    def up(self, now: float) -> None:
        """The link came about."""
        self._choice.up(now)
        self.unanswered = False
        self._refused_by.clear()

    def failed(self, now: float, *, refused: bool = False) -> None:
        """No link came about, or it was lost: the next one's turn. `refused`: for good."""
        if refused:
            self._refused_by.add(self._choice.at)
        else:
            self._refused_by.discard(self._choice.at)
        before = self._choice.at
        self._choice.failed(now)
        if self._choice.at != before:
            self._arrive()

    def returned(self) -> None:
        """Go back to the first."""
        self._go_back = False
        self._choice.returned()
        self._arrive()

    def look_due(self) -> float:
        """When `look` has something to do (monotonic s); never while a look is under way."""
        return float("inf") if self._looking.busy else self._choice.look_due()

    def look(self, now: float) -> bool:
        """Look at the first when it is time, in a thread; whether to go back to it now."""
        if self._looking.busy:
            self._looking.finish(now)
        elif now >= self._choice.look_due():
            self._looking.start(lambda: partial(self._looked, is_well(self._each[0])))
        return self._go_back and not self._choice.is_first

    def _looked(self, well: bool, now: float) -> None:
        self._go_back = self._choice.looked(now, well=well)


def is_well(config: Config) -> bool:
    """Whether the broker of `config` answers as one. Blocks; nobody is logged in."""
    broker = config.broker
    host = for_socket(broker.host)
    try:
        with socket.create_connection((host, broker.port), PATIENCE) as plain:
            if not broker.tls:
                return _answers(plain)
            import ssl  # costs memory, and only TLS needs it

            context = ssl.create_default_context(cafile=config.path("FLEET_CA_FILE"))
            if certificate := config.path("FLEET_CERT_FILE"):
                context.load_cert_chain(certificate, config.path("FLEET_KEY_FILE"))
            with context.wrap_socket(plain, server_hostname=host) as link:
                return _answers(link)
    except (OSError, ValueError):  # a certificate that went away is an OSError, too
        return False


def _answers(link: socket.socket) -> bool:
    link.sendall(HELLO)
    return is_answer(link.recv(64))
