"""Grading somebody else's program: it is called with given weights, and compared with right and known wrong ones.

`backward`, `steps`, `loop` and `sampler` are references with faults as data: pure functions. `definitions` loads
the program, and `child` calls it, in a process of its own. `process` starts this process, limits and ends it.
"""
