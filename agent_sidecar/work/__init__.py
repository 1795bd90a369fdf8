"""Work by reference: tasks are claimed at the hub, done by programs of this machine, handed back.

`work_file` says what may run and how; `loop` claims; `attempt` carries one claim through;
`isolation` has the rungs, and `supervisor` is the process around one worker.
See adr/0029-isolation-of-workers.md.
"""
