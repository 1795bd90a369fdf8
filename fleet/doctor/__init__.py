"""Diagnosis with remedies: what is looked at on this machine, and what on the broker."""
