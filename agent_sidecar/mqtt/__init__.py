"""The sidecar's link to the broker: one client, what it receives, what it sends."""
