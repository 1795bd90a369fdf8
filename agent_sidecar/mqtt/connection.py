"""The one connection of the sidecar to its broker: paho-mqtt driven by the runner's own loop.

Each attempt gets a fresh client: what was in flight belongs to the outbox, not to the client.
Only the connect itself (name look-up, TCP, TLS) may block, so it runs in a thread. MQTT 5
first, because only there a denied publish can be told from a good one; a broker that does not
speak it gets 3.1.1. Of several brokers `BrokerTurns` says whose turn it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent_sidecar.config import Config
from agent_sidecar.mqtt import client as attempt
from agent_sidecar.mqtt import link_trouble
from agent_sidecar.mqtt.ability import TOO_LARGE, BrokerAbility
from agent_sidecar.mqtt.answers import Answers
from agent_sidecar.mqtt.broker_turns import NEWEST, BrokerTurns
from agent_sidecar.mqtt.client import CONNECT_TIMEOUT, RECEIVE_MAXIMUM
from agent_sidecar.mqtt.in_thread import InThread
from agent_sidecar.mqtt.observer import ConnectionCounters, Observer, OnMessage
from agent_sidecar.mqtt.packet_limit import SET_ASIDE
from agent_sidecar.mqtt.reconnect import LOST, REPLACED, SILENT, TAKEN_OVER, Reconnect
from fleet.contract.broker_capabilities import packet_size
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import MessageKind

log = logging.getLogger(__name__)


class BrokerConnection:
    """A connection that comes back by itself.

    The owner calls `listen` once, `tick` when `deadline` passes or after a wake-up, and `ready`
    when the socket is. `wake` is called from the connect thread.

    Attributes:
        will: makes (topic, payload) of the last will for each new connection; None: no will.
        welcome: seconds from CONNECT to CONNACK, the last time.
    """

    def __init__(
        self, config: Config, wake: Callable[[], None], reconnect: Reconnect | None = None
    ) -> None:
        self._turns = BrokerTurns(config, wake)
        self._topics, self._agent = config.topics, config.agent
        self._reconnect = reconnect or Reconnect(config.agent, str(config.broker), config.interval)
        self._client: mqtt.Client | None = None
        self._blocking = InThread(wake)
        self._up = False
        self._closing = False
        self._next_attempt = 0.0
        self._answer_by = 0.0
        self.welcome = 0.0
        self._why = ""
        self.will: Callable[[], tuple[str, bytes] | None] = lambda: None
        self.counters = ConnectionCounters()
        self._answers = Answers(self._turns, self.counters)

    def listen(self, filters: tuple[str, ...], on_message: OnMessage, *observers: Observer) -> None:
        """What to subscribe to (topics, no wildcards), who takes what comes in, and who is told of
        up and down."""
        answers = self._answers
        answers.filters, answers.on_message, answers.observers = filters, on_message, observers

    @property
    def ability(self) -> BrokerAbility:
        """What the broker whose turn it is can do."""
        return self._turns.ability

    @property
    def broker(self) -> str:
        """Its address."""
        return self._turns.name

    @property
    def heard_at(self) -> float:
        """When something last came in, or the connection came about (monotonic s)."""
        return self._answers.heard_at

    @property
    def up(self) -> bool:
        return self._up

    @property
    def why(self) -> str:
        """Why the last attempt failed or the link went down; empty: no trouble."""
        return REPLACED if self.replaced and self._why.startswith(LOST) else self._why

    @property
    def refused(self) -> bool:
        """Whether every broker knows us and does not want us: trying again changes nothing."""
        return self._turns.refused_by_all

    @property
    def replaced(self) -> bool:
        """Whether another client has our place at the broker."""
        return self._reconnect.replaced

    @property
    def remedy(self) -> str:
        if self.replaced:
            return self._reconnect.remedy
        own = self.ability.remedy(self._why) or link_trouble.remedy(self._why, self._turns.config)
        return own or f"start the broker, or set FLEET_BROKER (now {self._turns.all})"

    @property
    def protocol(self) -> str:
        return "MQTT 5" if self._turns.version == NEWEST else "MQTT 3.1.1"

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
        if self._blocking.busy:
            return now + CONNECT_TIMEOUT
        if self._client is None:
            return self._next_attempt
        if not self._up:
            return self._answer_by
        ping_due = attempt.ping_due(self._client, self.ability.keepalive, now)
        return min(ping_due, self._reconnect.due(), self._turns.look_due())

    def tick(self, now: float) -> None:
        """Connect, notice a silent broker, keep alive."""
        if self._blocking.busy:
            self._blocking.finish(now)
        elif self._client is None:
            if not self._closing and now >= self._next_attempt:
                self._start_attempt(now)
        elif not self._up and now >= self._answer_by:
            self._lost("the broker does not answer", now)
        else:
            self._client.loop_misc()
            self._reap(now)
            if self._up:
                self._reconnect.look(now)
                if self._turns.look(now):
                    self._go_back(now)

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
        """Publish a message of this agent at QoS 1; the message id that `acked` will name, None
        if the link is down, or `SET_ASIDE` if the broker takes no message as large."""
        if not self._up or self._client is None:
            return None
        topic = self._topics.of(kind, self._agent)
        size = packet_size(topic, payload)
        if not self.ability.packets.takes(size):
            self.counters.set_aside += 1
            self.ability.tell(f"a {kind.value} is set aside", self.ability.too_large)
            return SET_ASIDE
        retain &= self.ability.retaining.possible
        self.ability.retaining.given |= retain
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        attempt.note_life(self._client)
        self.ability.packets.sent(info.mid, size)
        return info.mid

    def acknowledge(self, *, hold: bool) -> None:
        """Tell the broker that what came in need not come again; `hold`: not all of it is safe."""
        self._answers.acknowledge(hold=hold)

    def close(self) -> None:
        """Say goodbye in order, which drops the last will. Safe to call twice."""
        self._closing = True
        client, self._client = self._client, None
        self._up = False
        if client is not None:
            attempt.say_goodbye(client)

    def _start_attempt(self, now: float) -> None:
        self.counters.attempts += 1
        try:
            will = self.will()
            retain = self.ability.retaining.possible
            self.ability.retaining.given = will is not None and retain
            client = attempt.make(self._turns.config, self._turns.version, will, retain)
        except (FleetError, OSError, ValueError) as error:  # a secret or certificate went away
            self._retry_later(str(error).splitlines()[0], now)
            return
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        self._answers.attach(client)
        client.on_log = self._on_log if self._turns.config.broker.tls else None
        config = self._turns.config
        strange = self._turns.unanswered and self._turns.version == NEWEST
        self._blocking.start(
            lambda: partial(
                self._connected, client, attempt.connect(client, config, strange=strange)
            )
        )

    def _connected(self, client: mqtt.Client, why: str, now: float) -> None:
        if self._closing:
            attempt.hang_up(client)
        elif why:
            self._next_turn(why, now)
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
        turns = self._turns
        turns.unanswered |= not answered and why.startswith(LOST)
        tried = turns.version
        if client is not None:
            client.on_disconnect = None
            attempt.hang_up(client)
        if answered:
            self._answers.tell_down()
        if not turns.unsupported:
            turns.version = NEWEST
        silent = answered and tried != NEWEST
        ours = self.ability.packets.lost(now, too_large=why == TOO_LARGE, silent=silent)
        hung_up = tried != NEWEST and why.startswith(LOST)
        if self.ability.goes_without_retain(why, now, silent=hung_up):
            turns.version, self._next_attempt = tried, now
        elif answered:
            self._why, config = why, turns.config
            look = partial(attempt.listens, config)  # at once: the dead come back later
            self._blocking.start(lambda: partial(self._ended, why, now, not ours and look()))
        elif tried == NEWEST and (turns.unsupported or why.startswith(LOST)):
            # A broker of MQTT 3.1.1 refuses an MQTT 5 CONNECT, or closes without a word.
            self._retry_later(why, now)
            turns.version = MQTTProtocolVersion.MQTTv311
            self._next_attempt = now
        else:
            self._next_turn(why, now)

    def _ended(self, why: str, at: float, listens: bool, now: float) -> None:
        """A link that was up ended `at` then; whether the broker still listened. Where another took
        our place we stay: at two brokers both of us would be at work."""
        self._next_attempt = now + self._reconnect.lost(why, at, listens=listens)
        if not (why == TAKEN_OVER or (why == SILENT and listens)):
            self._turns.failed(now)

    def _next_turn(self, why: str, now: float) -> None:
        """No link came about here."""
        self._retry_later(why, now)
        self._turns.failed(now, refused=link_trouble.lasts(why))

    def _retry_later(self, why: str, now: float) -> None:
        self._why = why
        known = self.ability.remedy(why) or link_trouble.remedy(why, self._turns.config)
        remedy = self.remedy if known else ""
        self._reconnect.broker = self.broker
        self._next_attempt = now + self._reconnect.failed(why, now, remedy)

    def _go_back(self, now: float) -> None:
        """Leave in order, so that no will is told and nothing is kept for us here, for the first
        broker, which has been well for long enough."""
        client, self._client, self._up = self._client, None, False
        if client is not None:
            attempt.leave(client)
        self._answers.tell_down()
        self._turns.returned()
        self._next_attempt = now

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
            self._why = self.ability.refused(reason.value) or f"refused: {reason}"
            self._turns.unsupported = str(reason) == "Unsupported protocol version"
            return
        self._why = self.ability.stated(properties, time.monotonic(), self.protocol)
        if self._why:
            client.disconnect()
            return
        self._up = True
        client.on_log = None
        vars(client)["_max_inflight_messages"] = self.ability.window  # paho itself would not listen
        self.counters.connects += 1
        attempt.subscribe(client, self._answers.filters)
        now = self._answers.heard_at = time.monotonic()
        self.welcome = now - self._answer_by + CONNECT_TIMEOUT
        self._turns.up(now)
        self._reconnect.broker = self.broker
        self._reconnect.up(now, self.protocol)
        for observer in self._answers.observers:
            observer.link_up(now, self.ability.window)

    def _on_log(self, _client: mqtt.Client, _userdata: object, _level: int, line: str) -> None:
        self._why = link_trouble.read_in_log(line) or self._why

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._why:
            refused = self.ability.refused(reason.value)
            self._why = refused or attempt.why_ended(flags, reason)
