"""The agent's part in a pair: what it does about leases, and a guard that makes sure of it."""
