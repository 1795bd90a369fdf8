"""The rules of an audit, each with its clause in the ADRs and its severity."""
