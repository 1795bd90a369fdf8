"""The fleet, asked: what is true of each agent at a moment. `Roster` learns it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from fleet.contract.vocabulary import Kind
from fleet.domain import hub_alerts, precision
from fleet.domain.agent_record import SINCE, STATUS_TS, AgentRecord
from fleet.domain.agent_view import AgentView, worst_first
from fleet.domain.by_verdict import ByVerdict
from fleet.domain.config_groups import ConfigGroups
from fleet.domain.degraded import failing
from fleet.domain.enrolment import Enrolment
from fleet.domain.measured import Measured
from fleet.domain.record_view import measured_of, view_of
from fleet.domain.reported_state import ReportedState
from fleet.domain.verdict import Verdict

_UNLISTED: Final = Enrolment()


class RosterViews:
    """The records of a fleet, and what follows from them."""

    def __init__(
        self, *, interval: float, enrolled: Mapping[str, Enrolment] | None, degraded_after: float
    ) -> None:
        self._interval = interval
        self._degraded_after = degraded_after
        self._enrolled = enrolled
        self._records: dict[str, AgentRecord] = {}
        self._groups = ConfigGroups()
        self.membership = 0
        """Changes whenever `names` may."""
        self._order: tuple[int, list[str]] = (-1, [])
        self._by_verdict = ByVerdict()
        self._stopped_at: float | None = None
        self._listening_since = float("-inf")
        self._clock_error: float | None = 0.0
        self.unheard: set[str] = set()
        """Whoever was well, and would be late or stale by now if nobody listened: unknown."""

    @property
    def enrolled(self) -> Mapping[str, Enrolment] | None:
        """The list of who belongs to the fleet."""
        return self._enrolled

    @property
    def has_list(self) -> bool:
        """Whether somebody keeps a list of who is enrolled."""
        return self._enrolled is not None

    @property
    def listening(self) -> tuple[float | None, float]:
        """Since when nobody listens (None: somebody does), and since when somebody did last."""
        return self._stopped_at, self._listening_since

    @property
    def clock_error(self) -> float | None:
        """Seconds that the hub's clock is said to be ahead."""
        return self._clock_error

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, name: object) -> bool:
        return name in self._records

    @property
    def members_count(self) -> int:
        """How many belong to the fleet."""
        return len(self._records if self._enrolled is None else self._enrolled)

    def names(self) -> set[str]:
        """Everyone heard of or enrolled."""
        return set(self._records) | set(self._enrolled or ())

    def in_order(self) -> list[str]:
        """`names`, sorted; kept until they change."""
        if self._order[0] != self.membership:
            self._order = self.membership, sorted(self.names())
        return self._order[1]

    def by_verdict(self) -> dict[Verdict, list[str]]:
        """Everyone by `verdict`, each part sorted. It holds until somebody is judged."""
        return self._by_verdict.of(self.in_order(), self._records, self.unheard)

    def view(self, name: str, now: float) -> AgentView:
        """One agent at `now`; a name nobody heard of is unknown, not an error."""
        record = self._records.get(name) or AgentRecord(name)
        enrolled, enrolment = self._is_enrolled(name), (self._enrolled or {}).get(name)
        verdict = self._shown(record, now)
        return view_of(
            record,
            verdict,
            self._shown_codes(record, verdict, now),
            now=now,
            interval=hub_alerts.interval_of(record, self._interval),
            enrolled=enrolled,
            enrolment=enrolment or _UNLISTED,
            skew=hub_alerts.skew_of(record, self._clock_error),
        )

    def measured(self, name: str, now: float) -> Measured:
        """What `view` says of an agent, as far as a scrape shows it."""
        record = self._records.get(name) or AgentRecord(name)
        enrolment = (self._enrolled or {}).get(name) or _UNLISTED
        return measured_of(
            record,
            self._shown(record, now),
            interval=hub_alerts.interval_of(record, self._interval),
            enrolment=enrolment,
            skew=hub_alerts.skew_of(record, self._clock_error),
        )

    def signs(self, name: str, now: float) -> tuple[Verdict, frozenset[str], ReportedState]:
        """All that `view` judges an agent by, and what it makes of it: its state, the hub's codes,
        its own words. Agents of which these are the same are equally well."""
        record = self._records.get(name) or AgentRecord(name)
        verdict = self._shown(record, now)
        return verdict, self._shown_codes(record, verdict, now), record.reported

    def newest(self, name: str) -> tuple[int, int] | None:
        """Session and number of the last message of an agent; None: it counts none."""
        record = self._records.get(name)
        seen = record.sequence if record else None
        if record is None or record.boot is None or seen is None:
            return None
        return record.boot, seen.high

    def verdict(self, name: str) -> Verdict:
        """The verdict of the last tick or message: what costs no view."""
        record = self._records.get(name)
        return record.verdict if record and name not in self.unheard else Verdict.UNKNOWN

    def said_before(self, name: str) -> precision.Before:
        """The numbers that an agent said last."""
        record = self._records.get(name)
        return record.said_before if record else precision.unknown

    def said_at(self, name: str) -> float | None:
        """When an agent last said how it is, by its own clock (s since the epoch)."""
        record = self._records.get(name)
        return record.number(STATUS_TS) if record else None

    def knows(self, name: str) -> bool:
        """Whether somebody of that name was heard of or is enrolled."""
        return name in self._records or name in (self._enrolled or ())

    def failing(self, name: str) -> tuple[str, ...]:
        """The planes of an agent that fail."""
        record = self._records.get(name)
        return failing(record.reported) if record else ()

    def threshold(self, name: str, code: str) -> float | None:
        """The limit that an alert of an agent says it crossed."""
        record = self._records.get(name)
        return record.rare.thresholds.get(code) if record and record.rare else None

    def group(self, name: str) -> str | None:
        """The group whose configuration this agent is held against."""
        enrolment = (self._enrolled or {}).get(name)
        return enrolment.labels.get("group") if enrolment else None

    def groups(self, name: str) -> tuple[str, ...]:
        """Every group to which this agent belongs."""
        enrolment = (self._enrolled or {}).get(name)
        return enrolment.groups if enrolment else ()

    def kind(self, name: str) -> Kind | None:
        """What an agent says it is, or its enrolment."""
        record, enrolment = self._records.get(name), (self._enrolled or {}).get(name)
        said = record.profile.kind if record else None
        return said or (enrolment.kind if enrolment else None)

    def labels(self, name: str) -> Mapping[str, str]:
        """What its enrolment says of an agent."""
        enrolment = (self._enrolled or {}).get(name)
        return enrolment.labels if enrolment else {}

    def metrics(self, name: str) -> Mapping[str, float]:
        """The numbers that an agent last sent."""
        record = self._records.get(name)
        return record.metrics if record else {}

    def members(self, scope: str) -> frozenset[str]:
        """Who is enrolled in `group:NAME` or `site:NAME`."""
        enrolled = (self._enrolled or {}).items()
        return frozenset(name for name, enrolment in enrolled if enrolment.is_of(scope))

    def views(self, now: float) -> list[AgentView]:
        """Everyone at `now`, worst first, then by name."""
        return worst_first(self.view(name, now) for name in self.names())

    def silences(self, verdicts: Collection[Verdict]) -> tuple[list[float], int]:
        """Since when each is so who is enrolled and did not say goodbye, and how many are enrolled.
        Without a view of each, and without a look at who is well: failover asks twice a second."""
        parts = self.by_verdict()
        found = [
            since
            for of in verdicts
            for name in parts.get(of, ())
            if self._is_enrolled(name) and not self._records[name].reported.goodbye
            if (since := self._records[name].number(SINCE)) is not None
        ]
        return found, self.members_count

    def counts(self) -> dict[Verdict, int]:
        """Agents by the verdict of the last tick or message; who was never heard is unknown."""
        parts = self.by_verdict()
        return {verdict: len(parts.get(verdict, ())) for verdict in Verdict}

    def receipt(self, name: str, boot: int) -> int | None:
        """The number up to which session `boot` may be receipted; None if there is none yet."""
        record = self._records.get(name)
        return record.receipt(boot) if record else None

    def _shown(self, record: AgentRecord, now: float) -> Verdict:
        """Its verdict at `now`. While nobody listens time changes none: what was found last holds,
        and who was well and would be silent by now is unknown."""
        if record.name in self.unheard:
            return Verdict.UNKNOWN
        return record.verdict if self._stopped_at is not None else self._verdict(record, now)

    def _shown_codes(self, record: AgentRecord, verdict: Verdict, now: float) -> frozenset[str]:
        """The hub's codes that belong to the `verdict` shown: while nobody listens, those that the
        alert book has."""
        if self._stopped_at is not None:
            return record.hub_codes
        return self._codes(record, verdict, now)

    def _clock(self, now: float) -> float:
        return now if self._stopped_at is None else min(now, self._stopped_at)

    def _is_enrolled(self, name: str) -> bool:
        return self._enrolled is None or name in self._enrolled

    def _codes(self, record: AgentRecord, verdict: Verdict, clock: float) -> frozenset[str]:
        differs_from_group = self._groups.differs(self.group(record.name), record.name)
        return hub_alerts.codes_of(
            record, verdict, clock, differs_from_group, self._clock_error, self._degraded_after
        )

    def _verdict(self, record: AgentRecord, clock: float) -> Verdict:
        enrolled = self._is_enrolled(record.name)
        return hub_alerts.verdict_of(record, clock, default=self._interval, enrolled=enrolled)
