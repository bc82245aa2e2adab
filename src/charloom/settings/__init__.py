"""What a stage is told: params.yaml in typed sections, the files that dvc.yaml names, the name of an experiment, the
memory it needs; and how a stage or a command starts and ends. What a stage computes does not belong here.
"""
