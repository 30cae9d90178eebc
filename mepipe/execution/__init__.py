"""How work is done: tasks over processes or a cluster, progress, and `Context`."""
