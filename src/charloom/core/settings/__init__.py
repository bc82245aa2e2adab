"""The settings of a stage: the params, the files that dvc.yaml declares, dvc.lock, and the schemas of JSON files."""
