"""Reports: what an audit found, rendered, kept and held against suppressions. No value in any."""
