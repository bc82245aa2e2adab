"""An experiment you can run again to the last bit.

`core` computes every result: read it first. The other sub-packages surround it: they compare, prove, show and send
results, and no result depends on them. The docstring of each sub-package describes its contents. A package imports only
packages below it (see the diagram in CONTRIBUTING.md). Importing a package has no side effects, except that `tracking`
sets variables for MLflow. A program of ours begins with the import of `core.runtime.program`, a stage with that of
`core.runtime.stage`: these prepare the process, and the second one hashes all sources first.
"""

NEEDED = ("filelock", "numba", "numpy", "psutil", "pydantic", "rich", "pyyaml")  # the libraries of core
