"""The update of `network`, compiled: many a call, each sum in one order, so the bits are the same on every processor.
Read plain.py first: the same update in plain loops. Also here: text is read and written with fixed weights, and
signature.py says in hashes what all of it comes to. A change of a result changes the signature. No file and no params.
"""
