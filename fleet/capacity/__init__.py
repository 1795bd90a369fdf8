"""Capacity: when disks, memory, tokens and money run out, kept by a hub and told by it."""
