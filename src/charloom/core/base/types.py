"""A type that many packages use."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
