"""The experiment's page: each section has a module (samples.py has two sections) and a template for its text.

Each number comes from a result file, or is computed from the models and the text. *The report* is the published report
on the assignment, whose figures are in data/; *this run* is the run in the working folder.
"""
