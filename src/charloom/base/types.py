"""Names for types that many rooms use."""

from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]


class Numbers(Protocol):
    """Whole numbers (n,) in memory, or in a file (pieces.py); a slice of them is an array in memory."""

    def __len__(self) -> int:
        """Return n."""
        ...

    def __getitem__(self, part: slice, /) -> Array:
        """Return a part, without gaps."""
        ...
