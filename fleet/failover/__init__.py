"""Failover as a part of the hub: pairs, leases, second sources."""
