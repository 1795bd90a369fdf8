"""Faults injected into a running fleet, and what must hold: `sh scripts/chaos.sh`."""
