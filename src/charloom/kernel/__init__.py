"""The update of `network`, compiled: many a call, in one order of additions, so the bits are the same on every processor.
Also reading and writing text with fixed weights, the same update in plain loops, and the signature, which says in
hashes what all of it comes to. A change here changes results: see signature.py. No file and no params here.
"""
