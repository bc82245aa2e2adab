"""What a stage is told: params.yaml in typed sections, the files that dvc.yaml names, what dvc.lock says, the memory
that a training needs; and how a stage or a command starts and ends.

What a stage computes does not belong here.
"""
