"""Work by reference: the rules of tasks, leases, boards and grants. Pure; time is an argument."""
