"""The one connection of the sidecar to its broker: paho-mqtt driven by the runner's own loop.

Each attempt gets a fresh client: what was in flight belongs to the outbox, not to the client.
Only the connect itself (name look-up, TCP, TLS) may block, so it runs in a thread. MQTT 5
first, because only there a denied publish can be told from a good one; a broker that does not
speak it gets 3.1.1.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent_sidecar.config import Config
from agent_sidecar.mqtt import client as attempt
from agent_sidecar.mqtt.client import CONNECT_TIMEOUT, RECEIVE_MAXIMUM, WINDOW, keepalive
from agent_sidecar.mqtt.observer import ConnectionCounters, Observer, OnMessage
from fleet.contract.errors import FleetError
from fleet.contract.publish_properties import of_paho
from fleet.contract.vocabulary import MessageKind

log = logging.getLogger(__name__)

FIRST_BACKOFF, MAX_BACKOFF = 0.5, 60.0
"""Seconds; each wait is drawn between half and all of it, so a fleet does not return at once."""

LOST: Final = "lost"

NO_RETAIN: Final = "refused: Retain not supported"
"""What a broker that keeps nothing says of our last will."""

UNWANTED: Final = frozenset(
    f"refused: {reason}"
    for reason in ("Not authorized", "Bad user name or password", "Client identifier not valid")
)
"""Answers that stay the same however often one asks: the credential is not, or no longer, good."""


class BrokerConnection:
    """A connection that comes back by itself.

    The owner calls `listen` once, `tick` when `deadline` passes or after a wake-up, and `ready`
    when the socket is. `wake` is called from the connect thread.

    Attributes:
        will: makes (topic, payload) of the last will for each new connection; None: no will.
        heard_at: when something last came in, or the connection came about (monotonic s).
    """

    def __init__(self, config: Config, wake: Callable[[], None]) -> None:
        self._config = config
        self._wake = wake
        self._filters: tuple[str, ...] = ()
        self._on_inbound: OnMessage = lambda *_: None
        self._observers: tuple[Observer, ...] = ()
        self._client: mqtt.Client | None = None
        self._connecting = False
        self._outcome: tuple[mqtt.Client, str] | None = None
        self._version = MQTTProtocolVersion.MQTTv5
        self._unsupported = False
        self._retains = True
        self._up = False
        self._closing = False
        self._told: set[str] = set()
        self._backoff = FIRST_BACKOFF
        self._next_attempt = 0.0
        self._answer_by = 0.0
        self._why = ""
        self.will: Callable[[], tuple[str, bytes] | None] = lambda: None
        self.heard_at = 0.0
        self.counters = ConnectionCounters()

    def listen(self, filters: tuple[str, ...], on_message: OnMessage, *observers: Observer) -> None:
        """What to subscribe to (topics, no wildcards), who takes what comes in, and who is told of
        up and down."""
        self._filters, self._on_inbound, self._observers = filters, on_message, observers

    @property
    def up(self) -> bool:
        return self._up

    @property
    def why(self) -> str:
        """Why the last attempt failed or the link went down; empty: no trouble."""
        return self._why

    @property
    def refused(self) -> bool:
        """Whether the broker knows us and does not want us: trying again changes nothing."""
        return self._why in UNWANTED

    @property
    def remedy(self) -> str:
        if self.refused:
            return f"the newest join line; fleet agent rotate {self._config.agent} makes one"
        if self._why.startswith(LOST) and self._config.path("FLEET_CERT_FILE"):
            return f"fleet agent list: is {self._config.agent}'s certificate still good?"
        return f"start the broker, or set FLEET_BROKER (now {self._config.broker})"

    @property
    def protocol(self) -> str:
        return "MQTT 5" if self._version == MQTTProtocolVersion.MQTTv5 else "MQTT 3.1.1"

    @property
    def tried(self) -> bool:
        """Whether a connection was ever attempted."""
        return self.counters.attempts > 0

    @property
    def descriptor(self) -> int:
        """What to poll, or -1 while there is no socket."""
        sock = self._client.socket() if self._client else None
        return sock.fileno() if sock is not None else -1

    @property
    def wants_write(self) -> bool:
        return self._client is not None and self._client.want_write()

    def deadline(self, now: float) -> float:
        """When `tick` is due (monotonic s)."""
        if self._connecting:
            return now + CONNECT_TIMEOUT
        if self._client is None:
            return self._next_attempt
        return now + keepalive(self._config.interval) if self._up else self._answer_by

    def tick(self, now: float) -> None:
        """Connect, notice a silent broker, keep alive."""
        if self._connecting:
            self._take_outcome(now)
        elif self._client is None:
            if not self._closing and now >= self._next_attempt:
                self._start_attempt(now)
        elif not self._up and now >= self._answer_by:
            self._lost("the broker does not answer", now)
        else:
            self._client.loop_misc()
            self._reap(now)

    def ready(self, now: float) -> None:
        """Read and write what the socket allows."""
        client = self._client
        if client is None:
            return
        for _ in range(RECEIVE_MAXIMUM):  # all that waits, so that priorities can be compared
            if not attempt.readable(client):
                break
            client.loop_read()
        if client.want_write():
            client.loop_write()
        self._reap(now)

    def publish(self, kind: MessageKind, payload: bytes, retain: bool) -> int | None:
        """Publish a message of this agent at QoS 1; the message id that `acked` will name, or
        None if the link is down."""
        if not self._up or self._client is None:
            return None
        topic = self._config.topics.of(kind, self._config.agent)
        info = self._client.publish(topic, payload, qos=1, retain=retain and self._retains)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def close(self) -> None:
        """Say goodbye in order, which drops the last will. Safe to call twice."""
        self._closing = True
        client, self._client = self._client, None
        self._up = False
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            if client.want_write():
                client.loop_write()
            attempt.hang_up(client)

    def _start_attempt(self, now: float) -> None:
        self.counters.attempts += 1
        try:
            client = attempt.make(self._config, self._version, self.will(), self._retains)
        except (FleetError, OSError, ValueError) as error:  # a secret or certificate went away
            self._retry_later(str(error).splitlines()[0], now)
            return
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        self._connecting = True

        def work() -> None:
            self._outcome = (client, attempt.connect(client, self._config))
            self._wake()

        threading.Thread(target=work, name="connect", daemon=True).start()

    def _take_outcome(self, now: float) -> None:
        if self._outcome is None:
            return
        client, why = self._outcome
        self._connecting, self._outcome = False, None
        if self._closing:
            attempt.hang_up(client)
        elif why:
            self._retry_later(why, now)
        else:
            self._client = client
            self._why = ""
            self._answer_by = now + CONNECT_TIMEOUT
            self._reap(now)

    def _reap(self, now: float) -> None:
        """Notice that paho has closed the socket, whichever way it found out."""
        if self._client is not None and self._client.socket() is None:
            self._lost(self._why or LOST, now)

    def _lost(self, why: str, now: float) -> None:
        client, self._client = self._client, None
        answered, self._up = self._up, False
        tried = self._version
        if client is not None:
            client.on_disconnect = None
            attempt.hang_up(client)
        if answered:
            log.warning("link down: %s", why)
            for observer in self._observers:
                observer.link_down()
        if not self._unsupported:
            self._version = MQTTProtocolVersion.MQTTv5
        if why == NO_RETAIN and self._retains:
            self._retains = False
            self._next_attempt = now
            log.warning("%s keeps no retained messages: a hub must be there", self._config.broker)
            return
        self._retry_later(why, now)
        # A broker of MQTT 3.1.1 refuses an MQTT 5 CONNECT, or closes without a word.
        older = self._unsupported or why.startswith(LOST)
        if older and not answered and tried == MQTTProtocolVersion.MQTTv5:
            self._version = MQTTProtocolVersion.MQTTv311
            self._next_attempt = now

    def _retry_later(self, why: str, now: float) -> None:
        self._why = why
        if why not in self._told:  # a broker that comes back may refuse us for another reason
            self._told.add(why)
            log.warning("no link to %s: %s", self._config.broker, why)
            if self.refused:
                log.warning("Try: %s", self.remedy)
        self._next_attempt = now + self._backoff * random.uniform(0.5, 1.0)  # noqa: S311
        self._backoff = min(self._backoff * 2, MAX_BACKOFF)

    # --- paho's callbacks

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._why = f"refused: {reason}"
            self._unsupported = str(reason) == "Unsupported protocol version"
            return
        self._up = True
        self._retains = getattr(properties, "RetainAvailable", 1) != 0
        self._told.clear()
        self._backoff = FIRST_BACKOFF
        self._why = ""
        self.counters.connects += 1
        attempt.subscribe(client, self._filters)
        log.info("connected to %s over %s", self._config.broker, self.protocol)
        self.heard_at = time.monotonic()
        window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        for observer in self._observers:
            observer.link_up(self.heard_at, window)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [reason.is_failure or reason.value < 1 for reason in reasons]  # less than QoS 1
        self.counters.refused_filters = sum(refused)
        for name, reason, bad in zip(self._filters, reasons, refused, strict=False):
            if bad:
                log.warning("the broker refused the subscription to %s: %s", name, reason)

    def _on_publish(
        self,
        _client: mqtt.Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.counters.denied += 1
            log.warning("the broker denied a publish: %s", reason)
        for observer in self._observers:
            observer.acked(mid)

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        self.heard_at = time.monotonic()
        topic = message.topic
        if topic not in self._filters:  # a broker that sends more: it may be another's command
            self.counters.unasked += 1
            return
        if of_paho(message.properties):
            self.counters.beside += 1
            return
        self._on_inbound(topic, bytes(message.payload), message.retain, self.heard_at)

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._why:
            self._why = f"{LOST}: {reason}"
