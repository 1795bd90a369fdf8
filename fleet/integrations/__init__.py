"""Configuration for the tools around the hub, written from tables; nothing here runs them."""
