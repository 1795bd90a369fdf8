"""The store of work for every database: what each call does, above the few tables that it needs.

An implementation brings `WorkTables` and a way to run a function over them in one transaction.
"""
