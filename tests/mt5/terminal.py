"""A terminal of tests: batches as an Expert Advisor sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

SERVER = "Broker-Demo"
VENUE = "mt5_broker_demo"
SESSION = "0123456789abcdef"
OFFSET_S = 10_800
START_S = 1_723_161_600  # 2024-08-09 00:00 UTC
SYMBOLS = {"EURUSD": {"digits": 5, "point": 0.00001}, "XAUUSD": {"digits": 2, "point": 0.01}}


def tick(number: int, *, symbol: str = "EURUSD", bid: float | None = None, ask: float | None = None) -> list[Any]:
    """The `number`th tick: 100 ms after the one before it, server time."""
    mid = 109_217 + number % 50
    bid = mid / 100_000 if bid is None else bid
    ask = (mid + 4) / 100_000 if ask is None else ask
    return [symbol, (START_S + OFFSET_S) * 1000 + number * 100, bid, ask, 0, 0, 6]


def bar(number: int, *, timeframe: str = "M15", seconds: int = 900) -> list[Any]:
    """The `number`th closed bar of the hours before `START_S`."""
    opened = START_S + OFFSET_S - (200 - number) * seconds
    return ["EURUSD", timeframe, opened, 1.09217, 1.09301, 1.0918, 1.09295, 2211, 4, 0]


def batch(sequence: int, **changed: Any) -> bytes:
    """A batch; give `ticks` or `bars`."""
    told = {
        "source": SERVER,
        "session": SESSION,
        "sequence": sequence,
        "server_utc_offset_s": OFFSET_S,
        "dropped": 0,
        "symbols": SYMBOLS,
    }
    return msgspec.json.encode(told | changed)


def ticks(sequence: int, numbers: Sequence[int] | None = None, **changed: Any) -> bytes:
    """Ten ticks of their own for each sequence."""
    chosen = range(10 * sequence, 10 * sequence + 10) if numbers is None else numbers
    return batch(sequence, ticks=[tick(number) for number in chosen], **changed)
