"""The compiled kernel: one call runs many updates with the equations of `network`. The order of additions is fixed, so
the bits are the same on every processor. The kernel also computes the cost of a text (passes.py), and writes text with
fixed weights (drawing.py).

Read signature/plain.py first: it computes the same update in plain loops. signature/hashes.py hashes the kernel's
results, so a change of the arithmetic is noticed. The kernel opens no text file and no params.yaml. It opens only the
files of the compiler's cache (cache.py).
"""
