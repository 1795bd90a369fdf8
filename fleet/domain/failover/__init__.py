"""Pairs of agents of which one is active: who is, and how that changes without ever being both."""
