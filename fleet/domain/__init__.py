"""What the fleet's telemetry means: pure rules, time is an argument.

No clock, no I/O, no `await`. The hub feeds the roster with what it committed; the CLI feeds
one with retained messages alone. Both see the same truth.
"""
