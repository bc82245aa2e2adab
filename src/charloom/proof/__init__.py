"""Proof that the committed results are the results: they are rebuilt from nothing and compared bit for bit."""
