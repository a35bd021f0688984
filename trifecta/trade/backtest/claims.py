"""Binary signals of a span, and at each moment of it what such claims had turned out to be worth by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from trifecta.errors import DataError
from trifecta.market.events import BinarySignal
from trifecta.scan.binary import NOTHING_KNOWN, Cell, Reliability, bin_of

MOST_SIGNALS = 1_000_000
_SIGNALS = """
select venue, symbol, signal_id, ts_event, ts_recv, direction, probability, expiry_s, payout from raw.binary_signals
where ts_recv >= $start and ts_recv < $stop order by ts_recv, venue, signal_id limit $most
"""
_OUTCOMES = """
select venue, probability, won, epoch_ns(ts_expiry) as known_ns from binary_outcomes
where known_ns < $stop order by known_ns, venue, signal_id limit $most
"""


class Outcome(NamedTuple):
    """Of one signal of `venue`; known from `known_ns` on."""

    venue: str
    probability: float
    won: bool
    known_ns: int


@dataclass(frozen=True, slots=True)
class Claims:
    """Signals in the order in which they came, and outcomes in the order in which they were known."""

    signals: tuple[BinarySignal, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    def until(self, ts: int) -> Claims:
        """What came and what was known before `ts`."""
        signals = tuple(one for one in self.signals if one.ts_recv < ts)
        return Claims(signals, tuple(one for one in self.outcomes if one.known_ns < ts))

    def told(self) -> Iterator[tuple[BinarySignal, Reliability]]:
        """Each signal with what its source's claims were worth when it came."""
        cells: dict[tuple[str, int], Cell] = {}
        known = 0
        for signal in self.signals:
            while known < len(self.outcomes) and self.outcomes[known].known_ns <= signal.ts_recv:
                one, known = self.outcomes[known], known + 1
                place = one.venue, bin_of(one.probability)
                before = cells.get(place, NOTHING_KNOWN)
                cells[place] = Cell(before.decided + 1, before.won + one.won)
            yield signal, dict(cells)


def read(connection: duckdb.DuckDBPyConnection, start_ns: int, stop_ns: int) -> Claims:
    """The signals received in [start, stop), and every outcome that was known by its end.

    Raises:
        DataError: the lake holds more than fits.
    """
    span = {"start": start_ns, "stop": stop_ns, "most": MOST_SIGNALS + 1}
    signals = connection.execute(_SIGNALS, span).fetchall()
    if not signals:
        return Claims()
    outcomes = connection.execute(_OUTCOMES, {name: span[name] for name in ("stop", "most")}).fetchall()
    if max(len(signals), len(outcomes)) > MOST_SIGNALS:
        raise DataError(f"more than {MOST_SIGNALS:,} binary signals: take a shorter span")
    return Claims(tuple(BinarySignal(*row) for row in signals), tuple(Outcome(*row) for row in outcomes))
