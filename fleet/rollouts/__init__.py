"""Rollouts as a part of the hub: who may ask for what, and the driver that carries them out."""
