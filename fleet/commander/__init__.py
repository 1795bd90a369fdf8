"""Commands: sent, delivered to whoever was away, answered or known to be silent."""
