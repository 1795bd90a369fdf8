"""Rollouts, pure: who is updated when, when it stops, what is rolled back. Time is an argument."""
