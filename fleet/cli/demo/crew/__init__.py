"""The programs of the swarm's workers, as `examples/swarm` shows them."""
