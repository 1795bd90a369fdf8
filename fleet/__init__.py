"""Fleet control plane: operations of AI agents over MQTT, context never."""

__version__ = "0.1.0"
