"""The hub's memory: a port, an SQLite adapter and an in-memory adapter held to the same tests.

Others come in by `open.py`, and know the port and its values only.
"""
