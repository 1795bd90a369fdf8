"""The rules of an audit, each with its clause in the ADRs and its severity, and what they
know words and digits by. They know nothing of how a value is found.
"""
