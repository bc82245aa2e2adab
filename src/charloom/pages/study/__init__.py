"""The study's page, and the pictures that `charloom compare` shares with it; a template for the words of each section.

Each number comes from the answer, or from the trials that it is an answer about.
"""
