"""The fleet for an agent that operates it, through the Model Context Protocol (extra `mcp`)."""
