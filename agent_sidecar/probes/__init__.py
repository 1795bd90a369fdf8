"""Probes, one file a kind: each copies numbers and words only, never text."""
