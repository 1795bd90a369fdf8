"""`agent-sidecar exec -- CMD`: run the agent as a child, and the sidecar beside it as another."""
