"""Alerts that are being told: what a restart is to know of them until each route has the message
on its disk, whatever became of them meanwhile."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from fleet.contract.vocabulary import AlertState
from fleet.domain.alert import Alert

Key = tuple[str, str]


@dataclass(slots=True)
class AlertsInHand:
    """By (agent, code), as they were before: once for each message on the way, oldest first."""

    _hands: dict[Key, list[Alert]] = field(default_factory=dict)

    @property
    def keys(self) -> AbstractSet[Key]:
        return self._hands.keys()

    def add(self, alert: Alert) -> None:
        """It is being told how `alert` is."""
        self._hands.setdefault((alert.agent, alert.code), []).append(alert)

    def has_earlier(self, alert: Alert) -> bool:
        """Whether what it was before is still on the way: an end, or that it flaps or no more."""
        hands = self._hands.get((alert.agent, alert.code), [])
        return any(hand.episode != alert.episode or hand.flaps.news for hand in hands)

    def settle(self, key: Key) -> bool:
        """The oldest message on the way has arrived; whether there was one."""
        hands = self._hands.pop(key, None)
        if hands and hands[1:]:
            self._hands[key] = hands[1:]
        return bool(hands)

    def give(self, given: Alert, route: str, *, is_told: bool) -> bool:
        """Note with what is on the way of the same episode what `route` knows: a kill may come
        before the end among it is told. Whether there is anything."""
        key = (given.agent, given.code)
        hands = self._hands.get(key, [])
        noted = [one.known_to(route, is_told=is_told, of=given) for one in hands]
        if noted == hands:
            return False
        self._hands[key] = noted
        return True

    def kept(self, key: Key, alert: Alert | None) -> Alert | None:
        """`alert`, or what is gone (None), as a restart is to know it. Of one that is being told
        nobody can say what the routes have: it is told anew, as bad as it was to be told, also that
        it is over."""
        hands = self._hands.get(key)
        if not hands:
            return alert
        alert = alert or hands[-1]
        worst = max(
            (one.as_told.severity for one in hands if one.episode == alert.episode),
            key=lambda severity: severity.rank,
            default=None,
        )
        known_to = [route for one in (*hands, alert) for route in one.routes]
        return replace(
            alert,
            notified=AlertState.RESOLVED,
            notified_severity=worst,
            told_at=alert.since if alert.told_at is None else alert.told_at,
            flaps=replace(alert.flaps, told_at=hands[-1].flaps.told_at),
            routes=tuple(dict.fromkeys(known_to)),
        )
