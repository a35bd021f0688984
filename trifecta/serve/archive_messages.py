"""What the sidecar asks of the process that holds the lake open for it."""

from __future__ import annotations

import msgspec


class Question(msgspec.Struct, frozen=True, tag=True):
    """Root of the questions; the process answers one at a time."""


class Minutes(Question, frozen=True):
    """The newest `count` minutes of an instrument: answered by `MinuteBars`."""

    venue: str
    symbol: str
    count: int


class Seconds(Question, frozen=True):
    """Closed seconds with after_ns < ts_event <= until_ns, at most the newest `limit`, oldest first: answered by a
    list of `OrderFlow`."""

    venue: str
    symbol: str
    after_ns: int
    until_ns: int
    limit: int


class Historical(Question, frozen=True):
    """Closed seconds with from_ns < ts_event <= to_ns, at most the oldest `limit`: answered by the body of a reply."""

    venue: str
    symbol: str
    from_ns: int
    to_ns: int
    limit: int


class Prediction(msgspec.Struct, frozen=True):
    """One row of `predictions`; units as there."""

    venue: str
    symbol: str
    ts_event: int
    ts_recv: int
    horizon_s: int
    log_range: float
    log_range_low: float
    log_range_high: float
    coverage: float
    price: float
    source: str
    method: str


class Save(Question, frozen=True):
    """Rows for `predictions`, committed once per writer and version: answered by their number."""

    writer: str
    version: int
    rows: list[Prediction]


class MinuteBars(msgspec.Struct, frozen=True):
    """Highs and lows of minutes in any order: int64 and float64 arrays of one length, as bytes."""

    ts_open: bytes
    high: bytes
    low: bytes


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer, in words fit for a client."""

    reason: str


Asked = Minutes | Seconds | Historical | Save
LENGTH_BYTES = 4
ANSWERED, FAILED = b"+", b"-"
