"""Vectorised draws from a few values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Places = npt.NDArray[np.int64]


def chosen(random: np.random.Generator, count: int, shares: Sequence[float]) -> Places:
    """`count` places, each with the probability of its share."""
    bounds = np.cumsum(np.array(shares, dtype=np.float64))
    places = np.searchsorted(bounds / bounds[-1], random.random(count), side="right")
    return places.clip(max=len(shares) - 1)


def taken(values: Sequence[str], places: Places) -> pa.StringArray:
    """The values at these places."""
    return pa.array(list(values), pa.string()).take(pa.array(places))


def some(random: np.random.Generator, count: int, share: float, values: Sequence[str]) -> pa.StringArray:
    """Any of the values, each as likely, for a share of `count`; an empty text for the others."""
    drawn = np.where(random.random(count) < share, random.integers(1, len(values) + 1, count), 0)
    return taken(["", *values], drawn)
