"""The audit itself: messages in, findings out. Knows no file, bus or clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Final

from fleet.auditor.allowance import Allowance
from fleet.auditor.detection.fast_path import FastPath
from fleet.auditor.detection.plain_beats import PRESENT
from fleet.auditor.detection.rejected import RejectedPayloads
from fleet.auditor.detection.scanner import Leak, scan_name, scan_text, shown, with_key
from fleet.auditor.finding_log import FindingLog
from fleet.auditor.members import Members
from fleet.auditor.rules import contract, retained, traffic, work
from fleet.auditor.rules.contract import EVERYTHING, rule_for
from fleet.auditor.rules.digester import Digester
from fleet.auditor.rules.finding import Finding
from fleet.auditor.rules.rule import Rule
from fleet.auditor.scope_watch import ScopeWatch
from fleet.auditor.tally import Known, Tally
from fleet.auditor.topic_register import TopicRegister
from fleet.auditor.work_watch import DIGEST, WORK, WorkWatch
from fleet.contract.publish_properties import Properties, names
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.reserved import is_proof
from fleet.contract.signing import is_by_one_of
from fleet.contract.topics import FROM_AGENT, STATES, Topics
from fleet.contract.vocabulary import MessageKind, Reason, Severity

DAY: Final = 86_400
MEASURED: Final = (MessageKind.HEARTBEAT, MessageKind.STATUS)
"""The kinds that carry metrics."""


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
        self.allowance: Allowance | None = None
        """What an agent may say in a day; None: it is not counted."""
        self.most_line = 0
        """Where the most of a day was reached that anybody said."""
        self.tally = Tally()
        self._log = FindingLog(on_finding)
        self.findings, self.omitted = self._log.findings, self._log.omitted
        self._topics, self._reader, self._digest = topics, reader, digester
        self._members = Members(enrolled, spans or {})
        self._keys = keys
        self._scope = ScopeWatch(self._digest, seen, self.tally.shapes)
        self._fast_path = FastPath()
        self._rejected = RejectedPayloads(reader, self._fast_path)
        self._work = WorkWatch()
        self.register = TopicRegister(topics, self._members.listed)
        self._known, self._agents = self.register.known, self.register.agents

    def allow(self, names: frozenset[str]) -> None:
        """Names of agents and metrics, and versions, that the operator says are no finding."""
        self._fast_path.allowed = self.register.allowed = names

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
        if at is not None:
            if tally.last is not None and at >= tally.last:
                tally.last = at
            else:
                tally.widen(at)
        known = self._known.get(topic) or self.register.meet(topic)
        if properties:
            self._report_properties(line, at, topic, known, properties)
        if known is None:
            self._examine_foreign(line, at, topic, payload)
        else:
            self._examine_known(line, at, topic, known, payload, retain)

    def overhear(self, at: float | None, topic: str, payload: bytes, retain: bool) -> None:
        """Take from a message that another process judges what concerns all."""
        known = self._known.get(topic) or self.register.meet(topic)
        if known is None or not payload or is_proof(known.address.agent, payload):
            return
        kind, agent = known.address.kind, known.address.agent
        try:
            message = self._reader.read(kind, payload)
        except Rejected:
            return
        if kind in WORK:
            self._work.judge(agent, message, at)
        elif self.allowance is not None and at is not None:
            self.allowance.judge(known, message, payload, at, retain)

    @property
    def clues(self) -> int:
        return self._log.clues

    def join(self, findings: Iterable[Finding], omitted: Counter[str], tally: Tally) -> None:
        """Add what other processes found, in the order of the lines."""
        for finding in findings:
            self._log.add(finding)
        self.omitted.update(omitted)
        self.tally.join(tally)

    def _examine_known(
        self, line: int, at: float | None, topic: str, known: Known, payload: bytes, retain: bool
    ) -> None:
        tally = self.tally
        kind = known.address.kind
        if is_proof(known.address.agent, payload):
            return  # of `fleet acl test`: no agent's, and breaks rules on purpose
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
        message: Any
        plain = self._fast_path.beats.read(payload) if kind is MessageKind.HEARTBEAT else None
        if plain is not None:
            message, which = plain
            fields = PRESENT[which]
        else:
            try:
                message = self._reader.read(kind, payload)
            except Rejected as rejected:
                self._examine_rejected(line, at, known, payload, rejected)
                return
            fields = message.model_fields_set
            self._check_blanks(line, at, known, payload)
            if leaks := self._fast_path.leaks(kind, message):
                self._report_leaks(line, at, known, leaks)
        metrics: dict[str, float] | None = message.metrics if kind in MEASURED else None
        if not (fields <= known.noted and (not metrics or metrics.keys() <= known.metrics)):
            self._note_shape(line, at, known, fields, metrics)
        if self.allowance is not None and at is not None:
            self._count(self.allowance, line, at, known, message, payload, retain)
        self._check_sender(line, at, topic, known, message)

    def _count(
        self,
        allowance: Allowance,
        line: int,
        at: float,
        known: Known,
        message: Any,
        payload: bytes,
        retain: bool,
    ) -> None:
        most = allowance.most
        for rule, path in allowance.judge(known, message, payload, at, retain):
            self._report(line, at, known, rule, path, 0, "")
        if allowance.most is not most:
            self.most_line = line

    def _check_sender(
        self, line: int, at: float | None, topic: str, known: Known, message: Any
    ) -> None:
        """Whether it is by whom it must be: one session, the hub, who was offered the task."""
        kind, agent = known.address.kind, known.address.agent
        if kind is MessageKind.HEARTBEAT:
            if message.boot is not None and known.traffic.alternates(message.boot):
                self._report(line, at, known, traffic.CONFLICT, "boot", 0, "")
            return
        if kind not in FROM_AGENT and self._keys is not None:
            signed = message.model_dump(exclude_none=True)
            if not is_by_one_of(self._keys, topic, signed):
                self._report(line, at, known, traffic.LATERAL, "sig", 0, signed.get("sig", ""))
        for rule, path in self._work.judge(agent, message, at) if kind in WORK else ():
            self._report(line, at, known, rule, path, 0, "")

    def _check_blanks(self, line: int, at: float | None, known: Known, payload: bytes) -> None:
        """No string of the contract holds a blank: they stand between the words of the JSON."""
        blanks = contract.blanks(payload)
        if blanks:
            self._report(line, at, known, contract.WHITESPACE, EVERYTHING, blanks, "")

    def _report_properties(
        self, line: int, at: float | None, topic: str, known: Known | None, properties: Properties
    ) -> None:
        place, agent = (
            (known.shown, known.traffic.agent) if known else (self.register.show(topic), "")
        )
        size = sum(size for _, size in properties)
        self._add(line, at, place, contract.PROPERTIES, names(properties), size, "", agent)

    def _check_retained(self, line: int, at: float | None, known: Known) -> None:
        if known.address.kind not in STATES:
            self._report(line, at, known, traffic.RETAINED_COMMAND, EVERYTHING, 0, "")
        elif not self._members.belonged(known.address.agent, at):
            self._report(line, at, known, retained.GHOST, "topic", 0, "")

    def report_lateral(self, line: int, at: float | None, topic: str, publisher: str) -> None:
        """A publisher, known from the broker's log, that is not the topic's owner."""
        known = self._known.get(topic) or self.register.meet(topic)
        shown_topic = known.shown if known else self.register.show(topic)
        self._add(line, at, shown_topic, traffic.LATERAL, "publisher", len(publisher), publisher)

    def report_conflict(self, line: int, at: float | None, client: str) -> None:
        """A client id that the broker saw taken over while it was connected."""
        self._add(line, at, "*", traffic.CONFLICT, "client-id", len(client), client)

    def _examine_foreign(self, line: int, at: float | None, topic: str, payload: bytes) -> None:
        """A topic that the contract does not have; its levels and payload may hold anything."""
        self.tally.days[int(at or 0) // DAY, "*"] += 1
        place = self.register.show(topic)
        rule = rule_for(Reason.UNKNOWN_TOPIC)
        self._add(line, at, place, rule, "topic", len(topic), topic)
        levels = topic.split("/")
        agents = [level for level in levels[1:] if level in self._agents and level]
        if len(set(agents)) > 1 or (agents and traffic.ADDRESSING.intersection(levels)):
            self._add(line, at, place, traffic.LATERAL, "topic", len(topic), topic)
        leaks: list[Leak] = []
        for level in levels:
            if shown(level) == "*" and level not in self._agents:
                leaks += scan_text(level, "topic") or scan_name(level, "topic")
        text = payload.decode("utf-8", "surrogateescape")
        if text.strip():
            leaks += self._rejected.leaks(text)
        for leak in dict.fromkeys(leaks):
            self._add_leak(line, at, place, leak)

    def _examine_empty(self, line: int, at: float | None, known: Known) -> None:
        """An empty message erases retained state; for a command that is the cure."""
        agent = known.address.agent
        owned = self._members.is_enrolled(agent) and self._members.had_joined(agent, at)
        if known.address.kind in STATES and owned:
            self._report(line, at, known, retained.CLEARED, EVERYTHING, 0, "")

    def _examine_rejected(
        self, line: int, at: float | None, known: Known, payload: bytes, rejected: Rejected
    ) -> None:
        text = payload.decode("utf-8", "surrogateescape")
        name = rejected.name
        self._report(
            line, at, known, rule_for(rejected.reason), with_key(rejected), len(name), name
        )
        if known.address.kind in WORK and (digest := DIGEST.search(text)):
            self._report(line, at, known, work.DIGEST, EVERYTHING, len(digest[0]), digest[0])
        self._report_leaks(line, at, known, self._rejected.leaks(text, known.address.kind))

    def _note_shape(
        self,
        line: int,
        at: float | None,
        known: Known,
        fields: Set[str],
        metrics: dict[str, float] | None,
    ) -> None:
        for rule, path, matched in self._scope.note(known, fields, metrics or {}):
            self._report(line, at, known, rule, path, len(matched), matched)

    def _report_leaks(
        self, line: int, at: float | None, known: Known, leaks: list[Leak] | tuple[Leak, ...]
    ) -> None:
        for leak in leaks:
            self._add_leak(line, at, known.shown, leak, known.traffic.agent)

    def _add_leak(
        self, line: int, at: float | None, topic: str, leak: Leak, agent: str = ""
    ) -> None:
        if leak.severity is Severity.INFO and self._log.has_clue(topic, leak):
            return
        size, digest = len(leak.matched), self._digest(leak.matched) if leak.matched else ""
        self._log.add(
            Finding(
                line, topic, leak.rule, leak.field, size, digest, agent, at, doubt=leak.severity
            )
        )

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
        self._log.add(Finding(line, topic, rule, path, length, digest, agent, at))
