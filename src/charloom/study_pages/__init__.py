"""The page of a study, and the pictures for `charloom compare --figure`. Each section's text is in a template.

Each number comes from the study's answer or from its trials. A *setting*, a configuration of the training, is shown
with its trials, one for each *seed*.
"""
