"""What a scrape shows of an agent: of its view those fields, made without the rest.

A scrape after the start is about everyone, and a view costs six times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from fleet.contract.vocabulary import Check, Kind
from fleet.domain.verdict import Verdict


class Shown(Protocol):
    """What `Measured` and `AgentView` have in common, and say alike."""

    @property
    def agent(self) -> str: ...
    @property
    def state(self) -> Verdict: ...
    @property
    def last_seen(self) -> float | None: ...
    @property
    def interval(self) -> float: ...
    @property
    def kind(self) -> Kind | None: ...
    @property
    def versions(self) -> Mapping[str, str] | None: ...
    @property
    def uptime(self) -> float | None: ...
    @property
    def skew(self) -> float | None: ...
    @property
    def missing(self) -> int | None: ...
    @property
    def checks(self) -> Mapping[str, Check]: ...
    @property
    def metrics(self) -> Mapping[str, float]: ...


class Measured(NamedTuple):
    """Each field is the one of that name in `AgentView`."""

    agent: str
    state: Verdict
    last_seen: float | None
    interval: float
    kind: Kind | None
    versions: Mapping[str, str] | None
    uptime: float | None
    skew: float | None
    missing: int | None
    checks: Mapping[str, Check]
    metrics: Mapping[str, float]
