"""The page of a study, and the pictures for `charloom compare --figure`. Each section's text is in a template.

Each number comes from the answer or from the trials. A *setting* is shown with its trials, one for each *seed*.
"""
