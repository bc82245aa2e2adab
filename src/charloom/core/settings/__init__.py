"""The settings of a stage: params.yaml in typed sections, the files in dvc.yaml, dvc.lock, and the memory that a
training needs. The package also has the start and the end of stages and commands, but no computations of a stage.
"""
