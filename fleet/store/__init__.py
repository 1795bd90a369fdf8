"""The hub's memory: SQLite in WAL mode behind a narrow interface."""
