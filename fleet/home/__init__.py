"""A hub's home as one thing: what it consists of, how it is saved, moved and looked through."""
