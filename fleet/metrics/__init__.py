"""Prometheus and OpenMetrics: the fleet's state, read at scrape."""
