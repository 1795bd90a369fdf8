"""The hub over HTTP: the same contract for those who do not speak MQTT, and the web page."""
