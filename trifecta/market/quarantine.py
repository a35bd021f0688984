"""Input that cannot be what it claims to be, and events that a feed skipped."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from typing import NamedTuple

from trifecta.market.events import GapStatus

MAX_PAYLOAD = 2000


class Reason(StrEnum):
    """Why input is in quarantine."""

    MALFORMED = "malformed"
    UNKNOWN_STREAM = "unknown_stream"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_POSITIVE = "not_positive"
    NOT_FINITE = "not_finite"
    OFF_TICK = "off_tick"
    CROSSED = "crossed"
    FROM_THE_FUTURE = "from_the_future"
    NO_TIME = "no_time"
    OUT_OF_ORDER = "out_of_order"
    DUPLICATE_ID = "duplicate_id"


def value_reason(value: float) -> Reason:
    """Why a price or size that did not become an integer cannot be believed."""
    if not isfinite(value):
        return Reason.NOT_FINITE
    return Reason.OFF_TICK if value > 0 else Reason.NOT_POSITIVE


class Quarantined(NamedTuple):
    """One input and why it was not believed. `detail` names field, value and what was expected."""

    position: int
    ts_recv: int
    symbol: str
    stream: str
    reason: Reason
    detail: str
    payload: str


class Gap(NamedTuple):
    """Ids `first_id..last_id` of a stream that did not arrive between `ts_from` and `ts_to` (ns)."""

    position: int
    ts_recv: int
    symbol: str
    stream: str
    status: GapStatus
    first_id: int
    last_id: int
    ts_from: int
    ts_to: int
    reason: str

    @property
    def gap_id(self) -> str:
        return f"{self.stream}:{self.first_id}"
