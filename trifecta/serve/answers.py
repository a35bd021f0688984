"""Answers encoded ahead of the request that asks for them; only their age is written in when they are sent."""

from __future__ import annotations

import msgspec
from starlette.types import Message

from trifecta.forecast.predictor import RangeForecast
from trifecta.serve.times import iso

SIMPLE_PATH = "/market-range/simple"
MAX_ANSWERS = 256  # different queries remembered until the next closed second


class Simple(msgspec.Struct, frozen=True):
    """Body of `/market-range/simple` but for its age, which goes last."""

    market_range: float
    timestamp: str
    source: str
    symbol: str
    simulated: bool


class Prepared:
    """One answer: the same bytes for every request within a millisecond."""

    __slots__ = ("_born_s", "_expires_s", "_head", "_ms", "_sent")

    def __init__(self, body: Simple, *, born_s: float, max_age_s: float) -> None:
        self._head = msgspec.json.encode(body)[:-1] + b',"age_ms":'
        self._born_s = born_s
        self._expires_s = born_s + max_age_s
        self._ms = -1
        self._sent: tuple[Message, Message] = ({}, {})

    def body(self, monotonic_s: float) -> bytes:
        """The answer as of that moment."""
        return b"%b%d}" % (self._head, int((monotonic_s - self._born_s) * 1000))

    def messages(self, monotonic_s: float) -> tuple[Message, Message] | None:
        """Start and body of the response at that moment; None once the answer is too old to be served."""
        if monotonic_s > self._expires_s:
            return None
        age_ms = int((monotonic_s - self._born_s) * 1000)
        if age_ms != self._ms:
            body = self.body(monotonic_s)
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
            ]
            self._sent = (
                {"type": "http.response.start", "status": 200, "headers": headers},
                {"type": "http.response.body", "body": body},
            )
            self._ms = age_ms
        return self._sent


class Answers:
    """Prepared answers by the raw query string that asked for them; emptied when a second closes."""

    def __init__(self) -> None:
        self._prepared: dict[bytes, Prepared] = {}

    def get(self, query: bytes) -> Prepared | None:
        return self._prepared.get(query)

    def put(self, query: bytes, prepared: Prepared) -> None:
        if len(self._prepared) < MAX_ANSWERS:
            self._prepared[query] = prepared

    def __len__(self) -> int:
        return len(self._prepared)

    def clear(self) -> None:
        self._prepared.clear()


def simple(forecast: RangeForecast, symbol: str, market_range: float) -> Simple:
    """The body for a chart of `symbol`; `market_range` in its points."""
    return Simple(
        market_range=round(market_range, 2),
        timestamp=iso(forecast.ts_event),
        source=str(forecast.source),
        symbol=symbol,
        simulated=forecast.venue.startswith("sim_"),
    )
