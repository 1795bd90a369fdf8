"""Proof that the broker's access control holds: by trying what it must forbid."""
