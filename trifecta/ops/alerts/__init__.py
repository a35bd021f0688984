"""Who is told when something is wrong: facts are read, rules judge them, the watch decides what is said and when.

It runs as a process of its own (`trifecta alerts watch`), so that it outlives whatever it watches: the recorder, the
sidecar, Prefect, and `trifecta up` itself.
"""
