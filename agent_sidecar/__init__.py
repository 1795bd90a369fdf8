"""The process beside an agent. Of `fleet` it may import `fleet.contract` only."""
