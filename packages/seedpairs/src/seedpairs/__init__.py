"""Compare settings by a few runs of each setting, with Student's t on pairs of runs with the same seed.

The package needs only NumPy and SciPy, and nothing of the program that was run. Its README has an example.
"""

from seedpairs.analysis import answered
from seedpairs.data_types import Measured, Measurement

__all__ = ["Measured", "Measurement", "answered"]
