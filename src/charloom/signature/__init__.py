"""The signature: hashes of what the kernel computes when it trains, reads and writes. The package also has the update
in plain loops, and compilation ahead of time. No stage that trains imports this package, so an edit here does not make
DVC train again.

`python -m charloom.signature > signature.json` writes the hashes. A commit that changes one explains why.
"""
