"""Attacks on running programs, threat by threat, as ADR-0006 numbers them: what they give, in
numbers. Tests keep what once broke; this is the second look, run by `scripts/trials.sh`."""
