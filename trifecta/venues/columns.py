"""Parsed values into event columns: floats become the instrument's integers, or a fault with its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from trifecta.market.events import LEVEL
from trifecta.market.instruments import MISFIT, Instrument
from trifecta.market.quarantine import value_reason
from trifecta.venues.venue import Events, Fault

_PRICES = frozenset({"price", "bid", "ask", "open", "high", "low", "close"})
_MAY_BE_ZERO = frozenset({"volume", "taker_buy_volume"})
_LATEST = 9_000_000_000 * 1_000_000_000


def to_ns(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Venue times in ms, us or ns, told apart by their size, as ns. Whatever lies behind the year 2255 becomes it."""
    ns: npt.NDArray[np.int64] = _to_ns(np.ascontiguousarray(times, np.int64))
    return ns


@numba.njit(cache=True)
def _to_ns(times):  # type: ignore[no-untyped-def]
    out = np.empty(len(times), np.int64)
    for row in range(len(times)):
        unit = 1_000_000 if times[row] < 10**14 else 1_000 if times[row] < 10**17 else 1
        latest = _LATEST // unit
        out[row] = min(max(times[row], -latest), latest) * unit
    return out


def column(values: Sequence[float], kind: type[np.generic] = np.int64) -> npt.NDArray[Any]:
    """An array of these values; twice as fast as `np.array`, which looks at every value for its type first."""
    return np.fromiter(values, kind, len(values))


def fill(
    events: Events, columns: Mapping[str, Sequence[float]], instrument: Instrument
) -> tuple[npt.NDArray[np.bool_], list[Fault]]:
    """Writes prices and sizes into `events` as integers.

    Returns:
        bool (rows,), true where every value of the row is a positive number of the instrument's decimals, and a
        fault for each row where one is not. Volumes of bars may be zero.
    """
    good = np.ones(len(events), np.bool_)
    faults = []
    for name, given in columns.items():
        values = column(given, np.float64)
        is_price = name in _PRICES
        integers = instrument.price_ticks(values) if is_price else instrument.qty_lots(values)
        events[name] = integers
        bad = integers < (0 if name in _MAY_BE_ZERO else 1)
        for row in np.flatnonzero(bad & good):
            value = float(values[row])
            kind = "zero or a positive number" if name in _MAY_BE_ZERO else "a positive number"
            scale = instrument.price_scale if is_price else instrument.qty_scale
            detail = f"{name} = {value!r}: expected {kind} of at most {scale} decimals"
            faults.append(Fault(int(row), value_reason(value), detail))
        good &= ~bad
    return good, faults


def levels(
    sides: Iterable[Sequence[tuple[float, float]]], total: int, instrument: Instrument
) -> tuple[Events, npt.NDArray[np.bool_]]:
    """LEVEL array (total,) of all price levels of `sides` in order, and which of them are valid.

    A size of zero is valid: it takes the level away.
    """
    numbers = np.fromiter(chain.from_iterable(chain.from_iterable(sides)), np.float64, 2 * total).reshape(-1, 2)
    out = np.empty(total, LEVEL)
    out["price"] = instrument.price_ticks(numbers[:, 0])
    out["qty"] = instrument.qty_lots(numbers[:, 1])
    return out, (out["price"] > 0) & (out["qty"] >= 0) & (out["qty"] != MISFIT)
