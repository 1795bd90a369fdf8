"""The auditor: every message on the bus held against the ADRs.

Schema first: the vocabulary is closed, so whatever the contract rejects is a violation, and
detectors only say what leaked. What the contract lets pass (names, versions, ids and bare
numbers) is screened by the same detectors, once for each new spelling.
"""
