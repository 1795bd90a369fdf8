"""Helpers of the tests: real brokers and processes, bounded waiting."""
