"""A store moved whole from one place to another: SQLite to PostgreSQL, or back. Rows go as they
are, table by table, and are compared by counts and digests before anybody may use the copy."""
