"""What the API and MCP over HTTP share: who asks, how often, from where, how it is refused."""
