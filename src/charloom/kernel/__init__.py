"""The update of `network`, compiled: many updates in one call, in one order of additions, so that the bits are the
same on every processor. Text is read and written here too, character by character (drawing.py), with fixed weights.

signature/plain.py is the same update in plain loops: start there. signature/hashes.py says in hashes what all of this
comes to. A change here changes results. Nothing here reads a file or params.yaml.
"""
