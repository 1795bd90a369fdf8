"""Alert routes: what operators are to be told leaves the hub, in groups, until it has arrived."""
