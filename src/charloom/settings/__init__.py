"""What a stage is told: params.yaml in typed sections, the files that dvc.yaml names, what makes two trainings the same
experiment (experiment.py), the memory that a training needs; and how a stage or a command starts and ends.

What a stage computes does not belong here.
"""
