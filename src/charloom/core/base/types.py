"""The type `Array`, a NumPy array of any type of numbers, which many packages use."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
