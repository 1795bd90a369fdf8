"""The bus: a port, an MQTT adapter and an in-process adapter held to the same tests.

Only this package (and the sidecar's own link) imports an MQTT client. It moves bytes: what a
payload means is the contract's business.
"""
