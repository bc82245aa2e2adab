"""The signature: hashes of the kernel's results of training, reading and writing. Also the update in plain loops, and
compilation ahead of time. No stage that trains imports this package, so an edit here does not run training again.

`python -m charloom.signature > signature.json` writes the hashes. A commit that changes one explains why.
"""
