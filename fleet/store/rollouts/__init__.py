"""The store of rollouts for every database: beside the tasks, in the same transactions."""
