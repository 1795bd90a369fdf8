"""Probes: one file a kind. Each looks at one plane of the agent and copies numbers and words only."""
