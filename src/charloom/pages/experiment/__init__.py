"""The experiment's page: a module for each section, and a template of the same name for its words.

Each number comes from a result file, or from the models and the text that these are about.
"""
