"""What the contract lets pass, screened at the speed of the bus.

Names, versions and shapes are judged when first met and remembered; numbers are compared with
the bound of their field. So clean traffic costs some look-ups a message, and memory is bounded
by the number of spellings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from fleet.auditor.detection import encoded_ids, identifiers, number_runs, numeric_bounds
from fleet.auditor.detection.decoding import decodings
from fleet.auditor.detection.plain_beats import PlainBeats
from fleet.auditor.detection.scanner import Leak, scan_name, scan_number, scan_text, shown
from fleet.auditor.rules import pii, text
from fleet.auditor.rules.rule import Rule
from fleet.contract.messages import (
    Alert,
    Announcement,
    Command,
    Heartbeat,
    Receipt,
    Status,
    Versions,
)
from fleet.contract.pair_messages import Lease
from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_messages import Progress, TaskOffer

MAX_REMEMBERED: Final = 20_000
"""Spellings of one sort that are remembered: an honest fleet has hundreds, and 20,000 are 5 MB."""

_NONE: Final[tuple[Leak, ...]] = ()
_INDEXED: Final = re.compile(r"([a-z]|[a-z_]*?)_?\d{0,2}")

Session = Heartbeat | Status | Alert | Receipt | Progress | Lease


@dataclass(frozen=True, slots=True)
class MetricSet:
    """One set of metric names: what they leak themselves, and how large each value may be."""

    leaks: tuple[Leak, ...]
    limits: tuple[float, ...]
    foreign: tuple[str, ...]
    """Names without a word of operations, if there are two or more: values may be pieces."""


class FastPath:
    """Screens messages that satisfy the contract.

    Attributes:
        allowed: names and versions that the operator says are no finding.
        beats: reads the heartbeats that need no screening.
    """

    def __init__(self) -> None:
        self.allowed: frozenset[str] = frozenset()
        self.beats = PlainBeats()
        self._shapes: dict[tuple[str, ...], MetricSet] = {}
        self._names: dict[str, tuple[Leak, ...]] = {}
        self._versions: dict[str, tuple[Leak, ...]] = {}
        self._digests: dict[str, Rule | None] = {}

    def leaks(self, kind: MessageKind, message: Any) -> list[Leak] | None:
        """What `message` leaks; None or empty (the common case) for nothing.

        The kind chooses, since `isinstance` of pydantic's models is the dearest part of a message.
        """
        if kind is MessageKind.HEARTBEAT:
            return self._heartbeat(message)
        if kind is MessageKind.STATUS:
            return self._status(message)
        if kind is MessageKind.ALERT:
            return self._alert(message)
        if kind is MessageKind.RECEIPT:
            return _session(message)
        if kind is MessageKind.PROGRESS:
            return _progress(message)
        return self._signed(message)

    def _heartbeat(self, beat: Heartbeat) -> list[Leak] | None:
        self.beats.meet(beat)
        found: list[Leak] | None = None
        uptime, boot, seq = beat.uptime, beat.boot, beat.seq
        if uptime is not None and uptime > 3.2e8:
            found = scan_number(uptime, "uptime", None, numeric_bounds.FIELDS["uptime"])
        if (boot is not None and not _is_boot(boot)) or (seq is not None and seq > 99_999_999):
            found = [*(found or ()), *_session(beat)]
        if beat.metrics:
            leaks = self._metrics(beat.metrics)
            if leaks:
                found = [*(found or ()), *leaks]
        return found

    def _status(self, status: Status) -> list[Leak]:
        found = _session(status)
        if status.metrics:
            found += self._metrics(status.metrics) or ()
        if status.versions is not None:
            found += self._version_strings(status.versions)
        if status.config is not None:
            found += self._digest("config", status.config.removeprefix("sha256:"))
        reply = status.reply
        if reply is not None and reply.to is not None:
            found += _ulid("reply.to", reply.to)
        return found

    def _alert(self, alert: Alert) -> list[Leak]:
        found = _session(alert)
        if alert.value is not None:
            limit = numeric_bounds.value_limit(alert.code, alert.threshold)
            found += scan_number(alert.value, "value", None, limit)
        if alert.threshold is not None:
            limit = numeric_bounds.value_limit(alert.code, None)
            found += scan_number(alert.threshold, "threshold", None, limit)
        if alert.id is not None:
            found += _ulid("id", alert.id)
        return found

    def _signed(self, message: Command | Announcement | TaskOffer | Lease) -> list[Leak]:
        found: list[Leak] = []
        if isinstance(message, TaskOffer | Lease):
            found += _bounded(message, "epoch")
        if isinstance(message, Lease):
            found += [*_session(message), *scan_name(message.pair, "pair")]
        elif message.id is not None:
            found += _ulid("id", message.id)
        if message.kid is not None:
            found += self._digest("kid", message.kid)
        if message.sig is not None and len(decodings(message.sig)) > 1:
            inner = decodings(message.sig)[1]
            rule = next((leak.rule for leak in scan_text(inner, "sig")), text.FREE_TEXT)
            found.append(Leak(rule, "sig", message.sig))
        return found

    def _metrics(self, metrics: dict[str, float]) -> list[Leak] | None:
        names = tuple(metrics)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._meet(names)
        found: list[Leak] | None = list(shape.leaks) if shape.leaks else None
        for value, limit in zip(metrics.values(), shape.limits, strict=True):
            if value > limit or value < -limit:
                found = (found or []) + self._number(metrics, shape)
                break
        if shape.foreign:
            found = (found or []) + _pieced(shape.foreign, metrics)
        return found

    def _number(self, metrics: dict[str, float], shape: MetricSet) -> list[Leak]:
        found: list[Leak] = []
        for (name, value), limit in zip(metrics.items(), shape.limits, strict=True):
            if abs(value) > limit:
                hint = identifiers.hint_of(name) if limit == numeric_bounds.FOREIGN else None
                found += scan_number(value, f"metrics.{shown(name)}", hint, limit)
        return found

    def _meet(self, names: tuple[str, ...]) -> MetricSet:
        leaks: list[Leak] = []
        for name in names:
            own = self._name(name)
            if not own:
                self.beats.meet_metric(name, numeric_bounds.metric_limit(name))
            leaks += own
        limits = tuple(map(numeric_bounds.metric_limit, names))
        pairs = zip(names, limits, strict=True)
        foreign = tuple(name for name, limit in pairs if limit == numeric_bounds.FOREIGN)
        if len(foreign) < 2:
            foreign = ()
        elif not leaks:
            leaks += self._name("_".join(foreign))
        shape = MetricSet(tuple(leaks), limits, foreign)
        if len(self._shapes) >= MAX_REMEMBERED:
            self._shapes.clear()
        self._shapes[names] = shape
        return shape

    def _name(self, name: str) -> tuple[Leak, ...]:
        leaks = self._names.get(name)
        if leaks is None:
            leaks = () if name in self.allowed else tuple(scan_name(name, "metrics.*"))
            if len(self._names) >= MAX_REMEMBERED:
                self._names.clear()
            self._names[name] = leaks
        return leaks

    def _version_strings(self, versions: Versions) -> list[Leak]:
        found: list[Leak] = []
        for part in ("agent", "sidecar", "runtime"):
            version = getattr(versions, part)
            if version is None:
                continue
            leaks = self._versions.get(version)
            if leaks is None:
                if version not in self.allowed:
                    leaks = tuple(scan_name(version, f"versions.{part}"))
                else:
                    leaks = ()
                if len(self._versions) >= MAX_REMEMBERED:
                    self._versions.clear()
                self._versions[version] = leaks
            found += [replace(leak, field=f"versions.{part}") for leak in leaks]
        return found

    def _digest(self, field: str, digits: str) -> list[Leak]:
        if digits not in self._digests:
            if len(self._digests) >= MAX_REMEMBERED:
                self._digests.clear()
            self._digests[digits] = encoded_ids.leaked_in_hex(digits)
        rule = self._digests[digits]
        return [Leak(rule, field, digits)] if rule else []


def _is_boot(boot: int) -> bool:
    return numeric_bounds.BOOT_SINCE <= boot <= numeric_bounds.BOOT_UNTIL or boot <= 9_999_999


def _session(message: Session) -> list[Leak]:
    found: list[Leak] = []
    if message.boot is not None and not _is_boot(message.boot):
        found += scan_number(message.boot, "boot", None, numeric_bounds.FIELDS["boot"])
    if message.seq is not None:
        found += scan_number(message.seq, "seq", None, numeric_bounds.FIELDS["seq"])
    return found


def _progress(report: Progress) -> list[Leak]:
    return _session(report) + _ulid("task", report.task) + _bounded(report, "epoch", "attempt")


def _bounded(message: TaskOffer | Progress | Lease, *fields: str) -> list[Leak]:
    """Numbers that grow by one, and are never as large as the contract lets them be."""
    found: list[Leak] = []
    for field in fields:
        found += scan_number(getattr(message, field), field, None, numeric_bounds.FIELDS[field])
    return found


def _ulid(field: str, ulid: str) -> list[Leak]:
    rule = encoded_ids.leaked_in_ulid(ulid)
    return [Leak(rule, field, ulid)] if rule else []


def _pieced(foreign: tuple[str, ...], metrics: dict[str, float]) -> list[Leak]:
    """A text or number cut into the values of metrics that are numbered or lettered alike."""
    stems = {_INDEXED.fullmatch(name) and name.rstrip("0123456789").rstrip("_") for name in foreign}
    letters = all(len(name) == 1 for name in foreign)
    if len(stems) > 1 and not letters:
        return []
    values = [metrics[name] for name in foreign]
    if any(value != int(value) or value < 0 for value in values):
        return []
    pieces = [str(int(value)) for value in values]
    field = "metrics.*"
    if len(values) >= 5 and all(32 <= value < 127 for value in values):
        word = "".join(chr(int(value)) for value in values)
        if sum(c.isalnum() or c in " .@_-" for c in word) >= 0.9 * len(word):
            hits = scan_text(word, field) or scan_name(word, field)
            return hits or [Leak(text.FREE_TEXT, field, word)]
    joined = "".join(pieces)
    rule = number_runs.grouped("-".join(pieces))
    if rule is None and len(joined) >= 13:
        rule = pii.CARD if number_runs.of_digits(joined) is pii.CARD else None
    return [Leak(rule, field, joined)] if rule else []
