"""What agents say of themselves, shared: most of a fleet says the same most of the time.

Each distinct statement exists once, with what follows from it worked out once. So an agent
costs a reference, and a heartbeat that says nothing new costs a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fleet.contract.vocabulary import Check, Kind, Severity, State
from fleet.domain import liveness
from fleet.domain.severities import severity_of
from fleet.domain.verdict import Verdict

T = TypeVar("T")

Versions = tuple[str | None, str | None, str | None]

NO_CODES: Final[frozenset[str]] = frozenset()

_MAX_SHARED: Final = 65_536
"""Statements kept: hostile variety must not grow the table for ever."""

_shared: dict[Any, Any] = {}


def shared(key: T) -> T:
    """The one copy of an equal, immutable value."""
    kept: T = _keep(key, key)
    return kept


def _keep(key: Any, value: Any) -> Any:
    if len(_shared) > _MAX_SHARED:
        _shared.clear()
    return _shared.setdefault(key, value)


@dataclass(frozen=True, slots=True)
class ReportedState:
    """An agent's latest words: its own verdict, its state, each plane's last result, its codes.

    `stated`: severities of codes that were stated and are not the usual ones, by code.
    `lists_codes`: its heartbeats list what fires. `goodbye`: it said itself that it goes, where
    a last will says that it is gone. `health` and `dissent` follow from the rest.
    """

    ok: bool | None
    state: State | None
    checks: Mapping[str, Check]
    codes: frozenset[str]
    lists_codes: bool
    goodbye: bool
    stated: tuple[tuple[str, Severity], ...]
    health: Verdict
    dissent: bool

    def severity(self, code: str) -> Severity:
        """How much a code of this agent's own matters."""
        return dict(self.stated).get(code) or severity_of(code)

    def well_with(self, checks: Mapping[str, Check]) -> ReportedState | None:
        """The statement with these results of the same planes; None: they are of others, or the
        agent is not well by the one or the other."""
        if self.health is not Verdict.OK or checks.keys() != self.checks.keys():
            return None
        after = reported_state(
            self.ok, self.state, checks, self.codes, self.lists_codes, self.goodbye, self.stated
        )
        return after if after.health is Verdict.OK and not after.dissent else None

    def replace(self, **changes: Any) -> ReportedState:
        """The statement that differs in `changes`."""
        words = {name: getattr(self, name) for name in _WORDS} | changes
        return reported_state(**words)


_WORDS: Final = ("ok", "state", "checks", "codes", "lists_codes", "goodbye", "stated")


def reported_state(
    ok: bool | None = None,
    state: State | None = None,
    checks: Mapping[str, Check] | None = None,
    codes: frozenset[str] = NO_CODES,
    lists_codes: bool = False,
    goodbye: bool = False,
    stated: tuple[tuple[str, Severity], ...] = (),
) -> ReportedState:
    """The one copy of a statement; only an offline can be a goodbye, and only what fires has a
    severity."""
    checks = checks or {}
    goodbye = goodbye and state is State.OFFLINE
    if stated:
        stated = tuple((code, level) for code, level in sorted(stated) if code in codes)
    key = (ReportedState, ok, state, tuple(checks.items()), codes, lists_codes, goodbye, stated)
    known: ReportedState | None = _shared.get(key)
    if known is not None:
        return known
    health = liveness.health(ok=ok, state=state, checks=checks)
    dissent = liveness.dissent(ok=ok, state=state, checks=checks)
    reported: ReportedState = _keep(
        key, ReportedState(ok, state, checks, codes, lists_codes, goodbye, stated, health, dissent)
    )
    return reported


@dataclass(frozen=True, slots=True)
class Profile:
    """What seldom changes: kind, versions, interval in seconds, the names of its metrics."""

    kind: Kind | None = None
    versions: Versions | None = None
    interval: float | None = None
    metrics: tuple[str, ...] = ()


NOTHING_REPORTED: Final = reported_state()
NO_PROFILE: Final = shared(Profile())
