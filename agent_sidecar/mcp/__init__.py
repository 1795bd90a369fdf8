"""`agent-sidecar mcp`: an agent hands work on and uses its session's board, by tools of its model.

`protocol` speaks to the agent's program, `hub` to the hub with the agent's own token, `tools` are
what the model sees. See adr/0035-delegation-by-tools.md.
"""
