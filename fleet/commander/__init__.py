"""Commands: sent, delivered to sleepers, answered or known to be silent."""
