"""Stays of browsers at the hub's page: opened with a token, kept only as hashes, beside the tokens.

They outlive the hub that opened them: a page stays signed in over a restart or an update. A stay
is never more than its token: it ends with it, and when the token's role is another one. The file
is read again when it changes, so that one which is ended by `fleet token sign-out` ends at once.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.timestamps import epoch, timestamp
from fleet.shared_list import SharedList
from fleet.tokens import Principal, Role, Tokens, digest_of

FILE_NAME: Final = "sessions.json"
ID_PREFIX: Final = "s-"
"""No id of a session is one of a token."""

HOUR: Final = 3600
DAY: Final = 24 * HOUR
IDLE: Final = 12 * HOUR
"""Seconds without the page: a night. Then it asks for the token again."""

LONGEST: Final = 7 * DAY
"""Seconds after which the token is asked for whatever was done meanwhile."""

VIEWER_IDLE: Final = 30 * DAY
"""A viewer changes nothing: its screen on a wall stays signed in as long as it is looked after, and
so long when it is off."""

STEP: Final = HOUR
"""Seconds for which a use is not written down again."""

MAX_SESSIONS: Final = 1_000
MAX_OF_TOKEN: Final = 50
"""Of one token; so nobody pushes the others out."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's stay at rest; `digest` is that of its cookie, times are RFC 3339."""

    id: str
    token: str
    role: str
    digest: str
    secret: str
    opened: str
    used: str

    def __post_init__(self) -> None:
        """
        Raises:
            ValueError: the times are none.
        """
        self.ends  # noqa: B018 - is worked out of them

    @property
    def principal(self) -> Principal:
        return replace(Principal.parse(self.role), id=self.token)

    @property
    def ends(self) -> float:
        """When it is over if nobody uses it until then."""
        if self.role == Role.VIEWER.value:
            return epoch(self.used) + VIEWER_IDLE
        latest = epoch(self.opened) + LONGEST
        return min(epoch(self.used) + IDLE, latest)


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session with what only the browser keeps."""

    session: Session
    cookie: str
    secret: str


class BrowserSessions:
    """The sessions of a home."""

    def __init__(self, home: Path, tokens: Tokens, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._clock = clock
        self._list = SharedList(home / FILE_NAME, Session, what="sessions", again="sign in again")
        self._unkept: dict[str, Session] = {}
        self._said = ""

    def open(self, principal: Principal) -> Opened:
        """A session of the bearer. One that the disk does not take lasts as long as the hub."""
        now = timestamp(self._clock())
        cookie, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        session = Session(
            ID_PREFIX + secrets.token_hex(4), principal.id, str(principal),
            digest_of(cookie), digest_of(secret), now, now,
        )  # fmt: skip
        try:
            with self._list.change() as entries:
                _keep(entries, self._live(entries.values()), session)
        except ConfigError as error:
            log.warning("a session is not kept over the hub's end: %s", error.what)
            _keep(self._unkept, self._live(self._unkept.values()), session)
        return Opened(session, cookie, secret)

    def find(self, cookie: str, secret: str) -> Session | None:
        """The live session of both.

        Raises:
            ConfigError: the file of tokens is not usable.
        """
        digest = digest_of(cookie)
        session = self._kept().get(digest) or self._unkept.get(digest)
        if session is None or not hmac.compare_digest(digest_of(secret), session.secret):
            return None
        return session if self._is_live(session) else None

    def use(self, session: Session) -> None:
        """Somebody is there: it lasts from now on."""
        now = self._clock()
        if now - epoch(session.used) < STEP or session.digest in self._unkept:
            return
        try:
            with self._list.change() as entries:
                if session.digest in entries:
                    entries[session.digest] = replace(session, used=timestamp(now))
        except ConfigError as error:
            log.warning("that a session is used is not kept: %s", error.what)

    def end(self, ids: Collection[str] | None = None) -> list[Session]:
        """End these, or all; those that were.

        Raises:
            ConfigError: the file is damaged, or cannot be written.
        """

        def meant(held: dict[str, Session]) -> list[Session]:
            return [one for one in held.values() if ids is None or one.id in ids]

        gone = meant(self._unkept)
        if self._list.path.exists():
            with self._list.change() as entries:
                gone += meant(entries)
                for one in gone:
                    entries.pop(one.digest, None)
        for one in gone:
            self._unkept.pop(one.digest, None)
        return gone

    def live(self) -> list[Session]:
        """Those that are good for something, the newest last.

        Raises:
            ConfigError: the file is damaged, or that of the tokens.
        """
        known = [*self._list.entries().values(), *self._unkept.values()]
        return sorted(self._live(known), key=lambda one: one.opened)

    def live_ids(self, among: Collection[str]) -> set[str]:
        """Those of `among` that are of the same, also where the file is damaged. Only they are
        judged: whoever looks does so all the time.

        Raises:
            ConfigError: the file of tokens is not usable.
        """
        known = (*self._kept().values(), *self._unkept.values())
        return {one.id for one in self._live(one for one in known if one.id in among)}

    def _kept(self) -> dict[str, Session]:
        try:
            return dict(self._list.entries())
        except ConfigError as error:
            if self._said != error.what:
                self._said = error.what
                log.warning("who was signed in has to sign in again: %s", error.what)
            return {}

    def _live(self, sessions: Iterable[Session]) -> list[Session]:
        return [one for one in sessions if self._is_live(one)]

    def _is_live(self, session: Session) -> bool:
        """Whether it is not over, and its token what it was."""
        return (
            self._clock() < session.ends and self._tokens.bearer(session.token) == session.principal
        )


def _keep(entries: dict[str, Session], live: list[Session], new: Session) -> None:
    """`live` and the new one, and no more than there may be: the longest unused go first, of its
    own token or, if all together are too many, of the token that has the most."""
    kept = sorted(live, key=lambda one: one.used)
    own = [one for one in kept if one.token == new.token]
    gone = own[: max(0, len(own) - MAX_OF_TOKEN + 1)]
    if len(kept) - len(gone) >= MAX_SESSIONS:
        most = Counter(one.token for one in kept).most_common(1)[0][0]
        gone.append(next(one for one in kept if one.token == most and one not in gone))
    entries.clear()
    entries.update({one.digest: one for one in (*kept, new) if one not in gone})
