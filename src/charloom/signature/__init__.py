"""The signature: hashes of what the kernel computes when it trains, reads and writes. The package also has the whole
training in plain loops. No stage imports this package.

`python -m charloom.signature > signature.json` writes the hashes. A commit that changes one explains why.
"""
