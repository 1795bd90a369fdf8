"""A person's first minute: broker, hub and five agents, and what they do when things go wrong."""
