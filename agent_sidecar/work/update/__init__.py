"""What an update does, beside the agent: the plan of the work file, carried out step by step.

It never ends stopped: what cannot go forward goes back, and what cannot go back is started as is.
"""
