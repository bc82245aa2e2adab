"""The settings of a stage: params.yaml in typed sections, the files in dvc.yaml, dvc.lock, and the memory that a
training needs. Also the start and end of stages and commands. Computations of a stage do not belong here.
"""
