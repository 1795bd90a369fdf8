"""The tables that all sites of a fleet share, in a schema of their own; see `fleet.store.sites`.

The tables of a site lie in a schema of the site. Those of the site `main` lie where a database
without sites has them, so that what it holds becomes a site's by a setting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import MAIN, StoreUrl
from fleet.store.port import StoreError
from fleet.store.postgres.connection import Connection, Database

_MAKE: Final = """
    CREATE SCHEMA IF NOT EXISTS fleet_sites;
    CREATE TABLE IF NOT EXISTS fleet_sites.site (
        name TEXT PRIMARY KEY, fleet TEXT NOT NULL, told_by TEXT
    );
    CREATE TABLE IF NOT EXISTS fleet_sites.agent (
        name TEXT PRIMARY KEY, site TEXT NOT NULL, since TIMESTAMPTZ NOT NULL
    );
    CREATE INDEX IF NOT EXISTS agent_by_site ON fleet_sites.agent (site);
"""

_TURN: Final = 5_227_018
"""Our own number for the lock by which sites that begin at once do so in turn; it ends with the
transaction."""

RESERVED: Final = 600
"""Seconds for which a name is kept for an agent that is being enrolled."""


def enter(connection: Connection, url: StoreUrl, fleet: str) -> None:
    """A hub comes to the database, inside the transaction in which it asks for the lead.

    Raises:
        StoreError: it has no site and the database has, or the other way round; or the sites are
            another fleet's.
    """
    known = _known(connection)
    if url.site in known:
        require_same_fleet(known, fleet, url)
        return
    if not url.site:
        if known:
            raise StoreError(
                f"the store {url} has sites, and this hub has none",
                f"known: {', '.join(sorted(known))}",
                f"FLEET_SITE=NAME; what it held before there were sites is of FLEET_SITE={MAIN}",
            )
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    connection.execute(_MAKE)
    known = _known(connection)
    require_same_fleet(known, fleet, url)
    unnamed = connection.execute("SELECT to_regclass('public.fleet_schema') IS NOT NULL").fetchone()
    if url.site != MAIN and MAIN not in known and unnamed and unnamed[0]:
        raise StoreError(
            f"the store {url} holds a fleet that has no site yet",
            f"with the site {url.site} beside it, its agents would be nobody's",
            f"FLEET_SITE={MAIN} at the hubs that it has, then this one again",
        )
    connection.execute(
        "INSERT INTO fleet_sites.site VALUES (%s, %s) ON CONFLICT DO NOTHING", (url.site, fleet)
    )


def require_same_fleet(known: dict[str, str], fleet: str, url: StoreUrl) -> None:
    """
    Raises:
        StoreError: the sites are another fleet's.
    """
    others = {site: of for site, of in known.items() if of and fleet and of != fleet}
    for site, of in sorted(others.items()):
        raise StoreError(
            f"the sites in {url} are another fleet's",
            f"{site} is of the fleet {of[:8]}, this home of {fleet[:8]} (fleet.id)",
            f"for one more site of that fleet: the file fleet.id of a home of {site} in this home;"
            " for another fleet: createdb, and FLEET_STORE of it",
        )


class PostgresSites:
    """See `fleet.store.sites.Sites`. `fence`: the end of a transaction that only who leads at the
    site may make."""

    def __init__(self, database: Database, fence: Callable[[], str]) -> None:
        self._database = database
        self._site = database.url.site
        self._fence = fence

    def names(self) -> list[str]:
        return sorted(self._database.snapshot(_known))

    def keep(self, agents: Collection[str]) -> dict[str, str]:
        names = sorted(agents)

        def changed(connection: Connection) -> bool:
            kept = connection.execute(
                "SELECT name FROM fleet_sites.agent WHERE site = %s"
                " AND (name = ANY(%s) OR since < now() - make_interval(secs => %s))",
                (self._site, names, RESERVED),
            )
            return {name for (name,) in kept} != set(names)

        def keep(connection: Connection) -> None:
            _claim(connection, names, self._site)
            connection.execute(
                "DELETE FROM fleet_sites.agent WHERE site = %s AND name <> ALL(%s)"
                " AND since < now() - make_interval(secs => %s)",
                (self._site, names, RESERVED),
            )

        if not self._database.snapshot(changed):
            return {}
        self._database.transaction(keep, self._fence())
        return self._database.snapshot(lambda connection: _others(connection, names, self._site))

    def tells_of(self, lost: Collection[str]) -> set[str]:
        names, told = sorted(lost), list[str]()

        def look(connection: Connection) -> bool:
            rows = connection.execute("SELECT name, told_by FROM fleet_sites.site").fetchall()
            told.extend(name for name, by in rows if by == self._site and name in names)
            return any(
                (by == self._site and name not in names)
                or (name in names and by != self._site and (by is None or by in names))
                for name, by in rows
            )

        def tell(connection: Connection) -> set[str]:
            connection.execute(
                "UPDATE fleet_sites.site SET told_by = NULL WHERE told_by = %s AND name <> ALL(%s)",
                (self._site, names),
            )
            rows = connection.execute(
                "UPDATE fleet_sites.site SET told_by = %s WHERE name = ANY(%s)"
                " AND (told_by IS NULL OR told_by = %s OR told_by = ANY(%s)) RETURNING name",
                (self._site, names, self._site, names),
            )
            return {name for (name,) in rows}

        if not self._database.snapshot(look):
            return set(told)
        return self._database.transaction(tell, self._fence())


def reserve(database: Database, name: str) -> None:
    """Take a name for an agent that is being enrolled at this site.

    Raises:
        ConfigError: another site has an agent of that name.
        StoreError: the database cannot be asked.
    """
    site = database.url.site

    def take(connection: Connection) -> dict[str, str]:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
        connection.execute(_MAKE)
        _claim(connection, [name], site)
        return _others(connection, [name], site)

    database.open()
    if taken := database.transaction(take):
        raise ConfigError(
            f"{name} is an agent of the site {taken[name]}",
            "a name is one agent's over all sites",
            f"fleet agent add {name}-{site}; or, where it moves: fleet agent revoke {name} at"
            f" {taken[name]}, and a minute later the same again",
        )


def remove(database: Database, name: str) -> None:
    """Forget a site that is closed for good; what it stored stays.

    Raises:
        ConfigError: there is no such site, or a hub of it still leads.
        StoreError: the database cannot be asked.
    """

    def forget(connection: Connection) -> None:
        if name not in (known := _known(connection)):
            raise ConfigError(
                f"there is no site {name}", f"known: {', '.join(sorted(known))}", "fleet site list"
            )
        if held := _leader(connection):
            raise ConfigError(f"{held} leads at {name}", "the site is not closed", "end it there")
        connection.execute("DELETE FROM fleet_sites.agent WHERE site = %s", (name,))
        connection.execute("DELETE FROM fleet_sites.site WHERE name = %s", (name,))
        # Whose loss it told is another's to tell.
        connection.execute("UPDATE fleet_sites.site SET told_by = NULL WHERE told_by = %s", (name,))

    database.open()
    database.transaction(forget)


def _leader(connection: Connection) -> str:
    """Who leads at the site whose part this is; empty: nobody."""
    row = connection.execute("SELECT to_regclass('leader_leases') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return ""
    query = "SELECT holder FROM leader_leases WHERE expires > clock_timestamp()"
    held = connection.execute(query).fetchone()
    return str(held[0]) if held else ""


def _known(connection: Connection) -> dict[str, str]:
    """Every site with its fleet."""
    row = connection.execute("SELECT to_regclass('fleet_sites.site') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return {}
    return dict(connection.execute("SELECT name, fleet FROM fleet_sites.site").fetchall())


def _claim(connection: Connection, names: list[str], site: str) -> None:
    connection.execute(
        "INSERT INTO fleet_sites.agent SELECT name, %s, now() FROM unnest(%s::text[]) AS name"
        " ORDER BY name ON CONFLICT (name) DO NOTHING",
        (site, names),
    )


def _others(connection: Connection, names: list[str], site: str) -> dict[str, str]:
    """Which of `names` other sites have."""
    query = "SELECT name, site FROM fleet_sites.agent WHERE name = ANY(%s) AND site <> %s"
    return dict(connection.execute(query, (names, site)).fetchall())
