"""The drop directory: how an agent without credentials hands its sidecar a message."""
