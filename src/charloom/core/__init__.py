"""What computes a result: the network, its kernel, the text, the stages' work, and the params and files that they use.

Every stage depends on this whole folder, so an edit here runs every stage again.
"""
