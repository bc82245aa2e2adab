"""The experiment's page: a module for each section (samples.py has two), and a template for its words.

Each number comes from a result file, or from the models and the text that these are about.
"""
