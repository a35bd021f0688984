"""Columns of decimal numbers and of times as the integers that events hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture.importers.rows import DECIMALS, NUMBER
from trifecta.market.instruments import MISFIT

Ints = npt.NDArray[np.int64]

_LARGEST = 2**63 - 1
_MS_BELOW, _US_BELOW = 9 * 10**12, 9 * 10**15  # year 2255 in ms is 1970 in us: no real time is both


def whole(columns: Sequence[pa.ChunkedArray], at_least: int) -> tuple[list[Ints], int]:
    """Decimal columns as integers of 10^-scale, and the smallest scale from `at_least` on that loses nothing.

    `MISFIT` marks a number too large to be an int64 at that scale.
    """
    parts = [_words(column) for column in columns]
    if all((high == low >> 63).all() for low, high in parts):
        lows = [low for low, _ in parts]
        scale = _scale(lows, at_least)
        return [low // 10 ** (DECIMALS - scale) for low in lows], scale
    return _whole_of_large(columns, at_least)


def nanoseconds(stamps: Ints) -> Ints:
    """Times in ms, us or ns, told apart by their size, as ns since 1970."""
    unit = np.where(stamps < _MS_BELOW, 1_000_000, np.where(stamps < _US_BELOW, 1_000, 1))
    return np.asarray(np.maximum(stamps, 0) * unit, np.int64)


def _words(column: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Low and high 64 bits of a decimal128 column."""
    chunks = column.cast(NUMBER).chunks
    words = [
        np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in chunks
        if len(chunk)
    ]
    both = np.concatenate(words) if words else np.zeros((0, 2), np.int64)
    return np.ascontiguousarray(both[:, 0]), both[:, 1]


def _scale(values: Sequence[Ints], at_least: int) -> int:
    for scale in range(at_least, DECIMALS):
        step = 10 ** (DECIMALS - scale)
        if not any((value % step).any() for value in values):
            return scale
    return DECIMALS


def _whole_of_large(columns: Sequence[pa.ChunkedArray], at_least: int) -> tuple[list[Ints], int]:
    """The same for numbers that do not all fit 64 bits at 8 decimals: volumes of coins worth next to nothing."""
    numbers = [
        (high.astype(object) * 2**64 + low.view(np.uint64).astype(object)).tolist()
        for low, high in map(_words, columns)
    ]
    scale = at_least
    while scale < DECIMALS and any(value % 10 ** (DECIMALS - scale) for column in numbers for value in column):
        scale += 1
    step = 10 ** (DECIMALS - scale)
    fitted = [[value // step if abs(value // step) <= _LARGEST else MISFIT for value in column] for column in numbers]
    return [np.array(column, np.int64) for column in fitted], scale
