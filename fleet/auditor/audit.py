"""The audit itself: messages in, findings out. Knows no file, bus or clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from fleet.auditor.detection.fast_path import MAX_REMEMBERED, FastPath
from fleet.auditor.detection.scanner import Leak, scan_name, scan_payload, scan_text, shown
from fleet.auditor.rules import contract, retained, scope, traffic
from fleet.auditor.rules.contract import rule_for
from fleet.auditor.rules.finding import Digester, Finding
from fleet.auditor.rules.rule import Rule
from fleet.auditor.rules.traffic import AgentTraffic
from fleet.auditor.tally import Known, Tally
from fleet.contract.messages import Announcement, Command, Message, Receipt
from fleet.contract.publish_properties import Properties, names
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.reserved import is_proof
from fleet.contract.signing import verify
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind, Reason

DAY: Final = 86_400
MAX_FINDINGS: Final = 50_000
"""Findings kept in full: 20 MB. Beyond it they are counted by rule, and the report says so."""

MAX_NAMES: Final = 1_000
"""Metric names of one agent that are told apart: thirty full messages without a repetition."""

PROOF: Final = "acl-proof"
"""How messages of `fleet acl test` are counted: they are no agent's, and break rules on purpose."""

BLANKS: Final = b" \t\r\n"
"""What JSON allows between its words; the canonical form has none."""

EVERYTHING: Final = ""
"""The field of a finding about a message as a whole."""


_NEVER: Final = (0.0, 0.0)
"""The span of an agent whose enrolment has no dates."""


class Audit:
    """One run.

    Args:
        enrolled: the agents that belong here; None where nobody says.
        spans: from when to when (epoch seconds) agents were enrolled, who are or who were; clearing
            what a namesake left is no finding, and who was revoked later was no ghost.
        keys: the hub's public keys by id, where it signs; None where it does not.
        seen: fields and metrics by agent from earlier reports; None where there are none.
        on_finding: called with each finding as it comes.
    """

    def __init__(
        self,
        topics: Topics,
        reader: Reader,
        digester: Digester,
        *,
        enrolled: frozenset[str] | None = None,
        spans: Mapping[str, tuple[float, float]] | None = None,
        keys: Mapping[str, bytes] | None = None,
        seen: Mapping[str, frozenset[str]] | None = None,
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        self.tally = Tally()
        self.findings: list[Finding] = []
        self.omitted: Counter[str] = Counter()
        self._topics = topics
        self._reader = reader
        self._digest = digester
        self._enrolled = enrolled
        self._spans = spans or {}
        self._keys = keys
        self._seen = seen
        self._on_finding = on_finding
        self._fast_path = FastPath()
        self._known: dict[str, Known] = {}
        self._agents: dict[str, AgentTraffic] = {}

    def examine(
        self,
        line: int,
        at: float | None,
        topic: str,
        payload: bytes,
        retain: bool,
        properties: Properties = (),
    ) -> None:
        """Hold one message against every rule."""
        tally = self.tally
        tally.messages += 1
        if at is not None and not (tally.first or at) <= at <= (tally.last or 0.0):
            tally.widen(at)
        known = self._known.get(topic) or self._register(topic)
        if properties:
            self._report_properties(line, at, topic, known, properties)
        if known is None:
            self._examine_foreign(line, at, topic, payload)
            return
        kind = known.address.kind
        if is_proof(known.address.agent, payload):
            tally.kinds[PROOF] += 1
            return
        tally.kinds[kind] += 1
        tally.days[int(at or 0) // DAY, known.traffic.agent] += 1
        if retain and payload:
            self._check_retained(line, at, known)
        if at is not None and kind in FROM_AGENT and known.traffic.floods(at):
            self._report(line, at, known, traffic.RATE, EVERYTHING, 0, "")
        if known.leaks:
            self._report_leaks(line, at, known, known.leaks)
        if not payload:
            self._examine_empty(line, at, known)
            return
        try:
            message = self._reader.read(kind, payload)
        except Rejected as rejected:
            self._examine_rejected(line, at, known, payload, rejected)
            return
        self._check_blanks(line, at, known, payload)
        leaks = self._fast_path.leaks(kind, message)
        if leaks:
            self._report_leaks(line, at, known, leaks)
        self._note_shape(line, at, known, message)
        if kind is MessageKind.HEARTBEAT:
            self._check_session(line, at, known, message)
        elif kind not in FROM_AGENT and self._keys is not None:
            self._check_signature(line, at, topic, known, message)

    def _check_blanks(self, line: int, at: float | None, known: Known, payload: bytes) -> None:
        """No string of the contract holds a blank: they stand between the words of the JSON."""
        blanks = len(payload) - len(payload.translate(None, BLANKS))
        if blanks:
            self._report(line, at, known, contract.WHITESPACE, EVERYTHING, blanks, "")

    def _report_properties(
        self, line: int, at: float | None, topic: str, known: Known | None, properties: Properties
    ) -> None:
        place, agent = (known.shown, known.traffic.agent) if known else (self.show(topic), "")
        size = sum(size for _, size in properties)
        self._add(line, at, place, contract.PROPERTIES, names(properties), size, "", agent)

    def _check_retained(self, line: int, at: float | None, known: Known) -> None:
        if known.address.kind not in FROM_AGENT:
            self._report(line, at, known, traffic.RETAINED_COMMAND, EVERYTHING, 0, "")
        elif not self._belongs(known.address.agent, at):
            self._report(line, at, known, retained.GHOST, "topic", 0, "")

    def _is_enrolled(self, agent: str) -> bool:
        return self._enrolled is None or agent in self._enrolled

    def _belongs(self, agent: str, at: float | None) -> bool:
        """Whether `agent` was enrolled then; at an unknown time: whether it is now."""
        return self._is_enrolled(agent) or (at or math.inf) < self._spans.get(agent, _NEVER)[1]

    def report_lateral(self, line: int, at: float | None, topic: str, publisher: str) -> None:
        """A publisher, known from the broker's log, that is not the topic's owner."""
        known = self._known.get(topic) or self._register(topic)
        shown_topic = known.shown if known else self.show(topic)
        self._add(line, at, shown_topic, traffic.LATERAL, "publisher", len(publisher), publisher)

    def report_conflict(self, line: int, at: float | None, client: str) -> None:
        """A client id that the broker saw taken over while it was connected."""
        self._add(line, at, "*", traffic.CONFLICT, "client-id", len(client), client)

    def is_owner(self, topic: str, publisher: str) -> bool:
        """Whether `publisher` may have published on `topic`: the agent its own, the hub all."""
        if publisher == self._topics.manager:
            return True
        try:
            address = self._topics.parse(topic)
        except Rejected:
            return False
        return address.kind in FROM_AGENT and address.agent == publisher

    def _register(self, topic: str) -> Known | None:
        try:
            address = self._topics.parse(topic)
        except Rejected:
            return None
        agent = address.agent
        leaks = tuple(scan_name(agent, "topic")) if agent else ()
        agent_shown = "*" if leaks else agent
        place = topic.replace(f"/{agent}/", "/*/") if leaks else topic
        watched = self._agents.get(agent)
        if watched is None:
            crowded = len(self._agents) >= MAX_REMEMBERED
            watched = AgentTraffic("*" if crowded else agent_shown)
            if not crowded:
                self._agents[agent] = watched
        known = Known(address, watched, leaks, place)
        if len(self._known) >= 5 * MAX_REMEMBERED:
            self._known.clear()
        self._known[topic] = known
        return known

    def _examine_foreign(self, line: int, at: float | None, topic: str, payload: bytes) -> None:
        """A topic that the contract does not have; its levels and payload may hold anything."""
        self.tally.kinds["unknown"] += 1
        self.tally.days[int(at or 0) // DAY, "*"] += 1
        place = self.show(topic)
        rule = rule_for(Reason.UNKNOWN_TOPIC)
        self._add(line, at, place, rule, "topic", len(topic), topic)
        levels = topic.split("/")
        agents = [level for level in levels[1:] if level in self._agents and level]
        if len(set(agents)) > 1 or (agents and _ADDRESSING.intersection(levels)):
            self._add(line, at, place, traffic.LATERAL, "topic", len(topic), topic)
        leaks: list[Leak] = []
        for level in levels:
            if shown(level) == "*" and level not in self._agents:
                leaks += scan_text(level, "topic") or scan_name(level, "topic")
        text = payload.decode("utf-8", "surrogateescape")
        if text.strip():
            leaks += scan_payload(text)
        for leak in dict.fromkeys(leaks):
            self._add(line, at, place, leak.rule, leak.field, len(leak.matched), leak.matched)

    def show(self, topic: str) -> str:
        """A topic with `*` for each level that may itself be a leak."""
        own = (self._topics.prefix, self._topics.manager, *MessageKind)
        levels = topic.split("/")
        return "/".join(
            level
            if level in own or level in self._agents or shown(level) == level or not level
            else "*"
            for level in levels[:10]
        )

    def _examine_empty(self, line: int, at: float | None, known: Known) -> None:
        """An empty message erases retained state; for a command that is the cure."""
        agent = known.address.agent
        owned = self._is_enrolled(agent) and (at or math.inf) >= self._spans.get(agent, _NEVER)[0]
        if known.address.kind in FROM_AGENT and owned:
            self._report(line, at, known, retained.CLEARED, EVERYTHING, 0, "")

    def _examine_rejected(
        self, line: int, at: float | None, known: Known, payload: bytes, rejected: Rejected
    ) -> None:
        text = payload.decode("utf-8", "surrogateescape")
        name = rejected.name
        self._report(
            line, at, known, rule_for(rejected.reason), _with_key(rejected), len(name), name
        )
        self._report_leaks(line, at, known, scan_payload(text))

    def _note_shape(self, line: int, at: float | None, known: Known, message: Message) -> None:
        """Which fields and metrics an agent uses: told where earlier weeks had others."""
        had = known.noted
        metrics: dict[str, float] | None = getattr(message, "metrics", None)
        fields = message.model_fields_set
        if fields <= had and (not metrics or metrics.keys() <= known.metrics):
            return
        kind, agent = known.address.kind, known.traffic.agent
        if kind not in FROM_AGENT or len(known.metrics) > MAX_NAMES:
            return
        names = {f"{kind}.{name}" for name in fields - had}
        # A name that may itself be a leak is remembered by its digest.
        for name in (metrics or {}).keys() - known.metrics:
            names.add(f"metrics.{name if shown(name) == name else '#' + self._digest(name)}")
        had |= fields
        known.metrics.update(metrics or ())
        self._report_scope(line, at, known, agent, names)

    def _report_scope(
        self, line: int, at: float | None, known: Known, agent: str, names: set[str]
    ) -> None:
        if self._seen is not None and agent not in self._seen and agent not in self.tally.shapes:
            self._report(line, at, known, scope.NEW_AGENT, "topic", len(agent), agent)
        before = self.tally.shapes.setdefault(agent, set())
        if self._seen is not None and agent in self._seen:
            for name in sorted(names - before - self._seen[agent]):
                self._report(line, at, known, scope.NEW_SHAPE, name, len(name), name)
        before |= names

    def _check_session(self, line: int, at: float | None, known: Known, beat: Any) -> None:
        if beat.boot is not None and known.traffic.alternates(beat.boot):
            self._report(line, at, known, traffic.CONFLICT, "boot", 0, "")

    def _check_signature(
        self, line: int, at: float | None, topic: str, known: Known, message: Message
    ) -> None:
        if not isinstance(message, Command | Announcement | Receipt):
            return
        key = (self._keys or {}).get(message.kid or "")
        if key is None or not verify(key, topic, message.model_dump(exclude_none=True)):
            self._report(line, at, known, traffic.LATERAL, "sig", 0, message.sig or "")

    def _report_leaks(
        self, line: int, at: float | None, known: Known, leaks: list[Leak] | tuple[Leak, ...]
    ) -> None:
        for leak in leaks:
            self._report(line, at, known, leak.rule, leak.field, len(leak.matched), leak.matched)

    def _report(
        self,
        line: int,
        at: float | None,
        known: Known,
        rule: Rule,
        path: str,
        length: int,
        matched: str,
    ) -> None:
        self._add(line, at, known.shown, rule, path, length, matched, known.traffic.agent)

    def _add(
        self,
        line: int,
        at: float | None,
        topic: str,
        rule: Rule,
        path: str,
        length: int,
        matched: str,
        agent: str = "",
    ) -> None:
        digest = self._digest(matched) if matched else ""
        finding = Finding(line, topic, rule, path, length, digest, agent, at)
        if self._on_finding is not None:
            self._on_finding(finding)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.omitted[rule.id] += 1


_ADDRESSING: Final = frozenset(("to", "peer", "inbox", "chat", "reply", "agents", "direct", "dm"))
"""Topic levels by which one agent addresses another."""


def _with_key(rejected: Rejected) -> str:
    """The path of a rejection, with the sender's own key where it is an ordinary noun."""
    if rejected.field.endswith("*") and rejected.name:
        return rejected.field[:-1] + shown(rejected.name)
    return rejected.field
