"""The study's page: a module for each section, and a template of the same name for its words.

Each number comes from the study's answer, or from the trials that it is an answer about.
"""
