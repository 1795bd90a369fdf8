"""Detectors: what a value is, however it is spelled. They know no topic and no report."""
