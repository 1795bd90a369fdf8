"""What a sidecar keeps between runs: one directory, one file a concern."""
