"""The settings of a stage: the params, the files that dvc.yaml declares, and the schemas of JSON files."""
