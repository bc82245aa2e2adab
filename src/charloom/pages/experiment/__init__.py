"""The experiment's page: each section has a module (some modules have two sections) and a template for its text.

Each number comes from a result file, or is computed from the models and the text. *The report* is a published report on
the university assignment that charloom implements; its figures are in data/dd2424_report.yaml. *This run* is the run in
the working folder.
"""
