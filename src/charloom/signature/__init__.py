"""What the kernel comes to: its update once more in plain loops, hashes of learning, reading and writing (the
signature), and its code compiled ahead. No training stage imports this room, so an edit here trains nothing again.

`python -m charloom.signature > signature.json` writes the hashes anew. A commit that changes one says why.
"""
