"""The fleet for an agent at the helm, through the Model Context Protocol (extra `mcp`)."""
