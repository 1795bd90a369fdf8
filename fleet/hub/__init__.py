"""The hub: takes messages off the bus, commits them, and tells its services what happened."""
