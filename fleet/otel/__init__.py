"""OpenTelemetry (extra `otel`): the life of each command as a trace, the metrics over OTLP.

Nothing about a trace is on the bus. A command's id is a ULID, and its 128 bits are the trace id,
so whoever knows the id (the command line, the HTTP caller, the record) can find the trace.
"""
