"""Captured traffic: how it is recorded, stored and read back, and where it lacks something."""
