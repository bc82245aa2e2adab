"""The signature: hashes of the kernel's results when it trains, computes the costs of a text, and writes texts. The
package also has the whole training in plain loops (plain.py). No stage imports this package.

`python -m charloom.signature > signature.json` writes the hashes. A commit that changes one explains why.
"""
