"""The compiled kernel: many updates of `network` in one call, with a fixed order of additions, so the bits are the same
on every processor. It also computes the cost of a text (passes.py), and writes text with fixed weights
(drawing.py).

Read signature/plain.py first: it computes the same update in plain loops. signature/hashes.py hashes the kernel's
results, so a change of the arithmetic is noticed. The kernel opens no text file and no params.yaml; its only files are
the compiler's cache (cache.py).
"""
