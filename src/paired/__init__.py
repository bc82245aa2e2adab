"""Which of several settings is better, and how sure that is, from a few runs of each: Student's t on pairs of one seed.

It needs NumPy and SciPy and knows nothing of what was run: README.md has an example.
"""

from paired.answering import answered
from paired.data_types import Measured, Measurement

__all__ = ["Measured", "Measurement", "answered"]
