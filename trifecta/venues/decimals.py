"""Price levels straight from JSON text into integers: the hottest loop of all, half of what a venue sends.

`[["61737.63000000","0.00000000"],["61737.01","1.5"]]` is read digit by digit, without an object for each number. Only
texts that are plainly of this form are; everything else is left to the JSON decoder, which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numba
import numpy as np
import numpy.typing as npt

from trifecta.market.events import LEVEL, integers
from trifecta.market.instruments import Instrument
from trifecta.venues.venue import Events

_QUOTE, _COMMA, _POINT, _ZERO, _OPEN, _CLOSE, _END = b'",.0[]\n'
_LARGEST = 10**15  # integers beyond it are not exact as floats of every scale: left to the decoder
_MOST_DIGITS = 16
_NOT_PLAIN = -1


def read_levels(sides: Sequence[msgspec.Raw], instrument: Instrument) -> tuple[Events, npt.NDArray[np.int64]] | None:
    """LEVEL array of all levels in order, and how many each side has, int64 (sides,); None where a text is not plain.

    Prices are positive, sizes zero or positive; `sides` are whole JSON values.
    """
    text = b"\n".join(sides) + b"\n"
    counts = np.empty(len(sides), np.int64)
    levels = np.empty(max(text.count(b"[") - len(sides), 0), LEVEL)
    plain = _read(np.frombuffer(text, np.uint8), instrument.price_scale, instrument.qty_scale, integers(levels), counts)
    return (levels, counts) if plain else None


@numba.njit(cache=True)
def _read(text, price_scale, qty_scale, levels, counts):  # type: ignore[no-untyped-def]
    """Fills `levels` (n, 2) and `counts` (sides,); false at the first text that is not plain.

    What is read is JSON, so a value that began as expected also ends; the line end behind it is met before the text's.
    """
    at = row = 0
    for side in range(len(counts)):
        first = row
        if text[at] != _OPEN:
            return False
        at += 1
        while text[at] == _OPEN:
            if row >= len(levels):
                return False
            price, at = _decimal(text, at + 1, price_scale)
            if price <= 0 or text[at] != _COMMA:
                return False
            qty, at = _decimal(text, at + 1, qty_scale)
            if qty < 0 or text[at] != _CLOSE:
                return False
            levels[row, 0], levels[row, 1] = price, qty
            row += 1
            at += 1
            if text[at] == _COMMA:
                at += 1
        if text[at] != _CLOSE or text[at + 1] != _END:
            return False
        at += 2
        counts[side] = row - first
    return row == len(levels)


@numba.njit(cache=True)
def _decimal(text, at, scale):  # type: ignore[no-untyped-def]
    """(value in units of 10^-scale, position behind it) of a quoted decimal that begins at `at`."""
    if text[at] != _QUOTE:
        return _NOT_PLAIN, at
    start = at + 1
    value, at = _digits(text, start, 0, _MOST_DIGITS)
    plain = at == start + 1 or (at > start and text[start] != _ZERO)
    missing = scale
    if text[at] == _POINT:
        point = at + 1
        value, at = _digits(text, point, value, scale)
        missing = scale - (at - point)
        while text[at] == _ZERO:  # behind the scale only zeros may stand
            at += 1
        plain = plain and at > point
    for _ in range(missing):
        if value <= _LARGEST:
            value *= 10
    if plain and text[at] == _QUOTE and value <= _LARGEST:
        return value, at + 1
    return _NOT_PLAIN, at


@numba.njit(cache=True)
def _digits(text, at, value, most):  # type: ignore[no-untyped-def]
    """`value` with up to `most` digits appended, and the position behind them; it stops growing beyond `_LARGEST`."""
    for _ in range(most):
        digit = np.int64(text[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if value <= _LARGEST:
            value = value * 10 + digit
        at += 1
    return value, at
