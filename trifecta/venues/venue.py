"""What every venue's file provides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.market.events import BAR, DEPTH, LEVEL, QUOTE, TRADE, Frames
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Quarantined, Reason
from trifecta.venues.listings import Listing

Events = npt.NDArray[np.void]


class Answer(NamedTuple):
    """A REST answer that was journaled among the frames."""

    position: int
    ts_recv: int
    kind: str  # depth, historicalTrades, klines, exchangeInfo, time
    symbol: str
    data: bytes  # the untouched body
    first_id: int = 0  # what was asked for
    last_id: int = 0
    sent: int = 0  # when it was asked, ns
    error: str = ""  # why the venue refused for good


class Fault(NamedTuple):
    """Why one row of a batch cannot be believed."""

    row: int
    reason: Reason
    detail: str


@dataclass
class SymbolEvents:
    """Events of one symbol, each kind in frame order."""

    trades: Events = field(default_factory=lambda: np.empty(0, TRADE))
    quotes: Events = field(default_factory=lambda: np.empty(0, QUOTE))
    depth: Events = field(default_factory=lambda: np.empty(0, DEPTH))
    levels: Events = field(default_factory=lambda: np.empty(0, LEVEL))
    bars: Events = field(default_factory=lambda: np.empty(0, BAR))


@dataclass
class Decoded:
    """What a batch of frames says."""

    event_times: npt.NDArray[np.int64]
    """(frames,) the venue's time of each frame in ns, 0 where it has none or was not understood."""
    symbols: dict[str, SymbolEvents] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)


Decode = Callable[[Frames, Mapping[str, Instrument]], Decoded]
Side = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class BookRules:
    """How a book is kept whose changes come in the order of arrival, or name the id before them."""

    depth: int
    """Levels a side that the venue keeps up to date; what falls behind them is forgotten. 0: all."""
    checksum: Callable[[Side, Side, Instrument], int] | None = None
    """The venue's checksum (uint32) of the best `checksum_levels` bids and asks, integers of the instrument."""
    checksum_levels: int = 0


@dataclass(frozen=True)
class Venue:
    """One venue: where it is, what it streams, how to read it."""

    name: str
    rest_url: str
    stream_url: str
    streams: Callable[[Iterable[str]], list[str]]
    """Names of the streams to subscribe to for these symbols."""
    decode: Decode
    """Events of a batch. A frame that cannot be read is quarantined, never raised. Pure: same frames, same events."""
    read_snapshot: Callable[[Answer, Instrument], tuple[int, Events, Events]]
    """(last update id, bids, asks) of a `depth` answer, LEVEL arrays best first. Raises DataError."""
    read_trades: Callable[[Answer, Instrument], tuple[Events, list[Fault]]]
    """TRADE array of a `historicalTrades` answer. Raises DataError."""
    read_bars: Callable[[Answer, Instrument], tuple[Events, list[Fault]]]
    """BAR array of a `klines` answer. Raises DataError."""
    read_clock: Callable[[Answer], tuple[int, int]]
    """(venue clock minus ours, round trip) in ns of a `time` answer. Raises DataError."""
    instruments: Callable[[str, Iterable[bytes]], dict[str, Instrument]]
    """Instruments by symbol from recorded payloads: their exchange info, else inferred from the decimals used."""
    listings: Callable[[Answer], list[Listing]]
    """What an `instruments` or `exchangeInfo` answer says of each symbol. Raises DataError."""
    stateful: Callable[[], Decode] | None = None
    """A `decode` for one connection that remembers what earlier frames said; else `decode` itself is used."""
    book: BookRules | None = None
    """How its book is kept where changes do not carry Binance's update ids."""
    trades_follow: bool = True
    """Whether the ids of a symbol's trades follow each other without a hole, so that a hole is a gap."""

    delivers: bool = True
    """Whether what is bought there is the asset itself; a perpetual is a bet on it that no other venue takes."""

    reads_frames: bool = True
    """Whether its own frames are understood; else only what ccxt makes of them."""

    def decoder(self) -> Decode:
        """What turns the frames of one connection, from the first on, into events."""
        return self.stateful() if self.stateful else self.decode
