"""The `fleet` command: one file a command group, heavy imports inside commands."""
