"""Types that many packages use."""

from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]


class Numbers(Protocol):
    """An array of integers (n,): a NumPy array, or `Pieces` in a file. A slice is an array in memory."""

    def __len__(self) -> int:
        """Return n, the number of integers."""
        ...

    def __getitem__(self, part: slice, /) -> Array:
        """Return the numbers of a slice with step 1."""
        ...
