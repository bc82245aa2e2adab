"""Text from a model: how a character is chosen, the samples of a training and what they are like, a request for text
and the numbers it may hold.
"""
