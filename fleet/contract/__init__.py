"""The words and shapes of the bus, pure: no I/O, no clock, no MQTT client.

Importing this package loads nothing heavy. The sidecar stays small because it
takes `vocabulary`, `topics`, `limits` and `schema_validator` (standard library only) and leaves
`messages` (pydantic) to the hub.
"""
