"""What HTTP and MCP over HTTP share: who asks, how often, from where, and how it is refused."""
