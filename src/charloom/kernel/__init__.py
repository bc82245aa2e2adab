"""The compiled kernel: many updates of `network` in one call, with a fixed order of additions, so the bits are the same
on every processor. It also reads texts, and writes text character by character with fixed weights (drawing.py).

Read signature/plain.py first: it computes the same update in plain loops. signature/hashes.py hashes the kernel's
results. A change here changes results. Nothing here reads a file or params.yaml.
"""
