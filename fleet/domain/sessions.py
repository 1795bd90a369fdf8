"""Which session of an agent a message belongs to, told by `boot` alone."""

from __future__ import annotations

from fleet.contract.vocabulary import Word


class SessionAge(Word):
    """What a message's `boot` makes of it."""

    UNNUMBERED = "unnumbered", "no boot: a one-liner without a sidecar, taken as it comes"
    CURRENT = "current", "the live session"
    NEW = "new", "a later session than the known one"
    BACK = "back", "a smaller number that is nevertheless the live one (state lost, clock set back)"
    OLD = "old", "an earlier session: an outbox emptied late"
    LATE_WILL = "late-will", "the will of an earlier session"


def session_of(
    boot: int | None,
    known: int | None,
    *,
    offline: bool,
    newer: bool,
    overdue: bool,
    replaced: bool = False,
) -> SessionAge:
    """The session that a message with `boot` belongs to when `known` is the live one.

    A smaller boot is normally out of date: a stale will, or an outbox that is emptied after a
    restart. It is the live one when the message is `newer` (its own `ts` is later than all of
    the known session) or when the known session is `overdue`: so neither a forged large number
    nor a lost state directory can lock an agent out for good. A goodbye never proves life. The same
    holds for a larger one that the known session has `replaced`: its sidecar is alive, too, or
    something repeats what it said.
    """
    if boot is None:
        return SessionAge.UNNUMBERED
    later = known is None or boot > known
    if later and not replaced:
        return SessionAge.NEW
    if boot == known:
        return SessionAge.CURRENT
    if offline:
        return SessionAge.LATE_WILL
    live = SessionAge.NEW if later else SessionAge.BACK
    return live if newer or overdue else SessionAge.OLD
