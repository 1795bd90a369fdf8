"""The conformance kit: plays the hub against one live agent and judges it rule by rule."""
