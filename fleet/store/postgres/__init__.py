"""The store in PostgreSQL: one database for several hubs, of which one leads and writes.

Only `fleet/store/open.py` and tests come in here: what others ask stands in `fleet/store/port.py`.
"""

from fleet.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
