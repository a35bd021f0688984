"""Binary signals against their record: a claimed probability counts for what such claims were worth before.

A bet pays `payout` per unit staked or loses the stake, so it breaks even at 1 / (1 + payout). No stake ever follows
from an earlier loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trifecta.clock import NS_PER_S
from trifecta.market.events import BinarySignal, Quote
from trifecta.scan.opportunity import BinaryPlan, Cost, Direction, Engine, Opportunity, Verdict, identity
from trifecta.settings import BinarySettings

BINS = 20
"""Of claimed probability, as in `binary_reliability`."""
PRIOR_WEIGHT = 20
"""Outcomes that a coin counts for beside a source's own."""


class Cell(NamedTuple):
    """A source's decided signals of one bin of claimed probability."""

    decided: int
    won: int

    @property
    def probability(self) -> float:
        """Of winning, drawn towards one half while few are decided."""
        return (self.won + PRIOR_WEIGHT / 2) / (self.decided + PRIOR_WEIGHT)


NOTHING_KNOWN = Cell(0, 0)
Reliability = Mapping[tuple[str, int], Cell]
"""By source and number of the bin."""


def bin_of(probability: float) -> int:
    return min(int(probability * BINS), BINS - 1)


def opportunity(signal: BinarySignal, reliability: Reliability, settings: BinarySettings) -> Opportunity:
    """What following a signal would be, with verdict and reason."""
    cell = reliability.get((signal.venue, bin_of(signal.probability)), NOTHING_KNOWN)
    probability, break_even = cell.probability, 1 / (1 + signal.payout)
    expected = settings.stake * (probability * (1 + signal.payout) - 1)
    verdict, reason = _judge(signal, cell, probability, break_even, settings)
    return Opportunity(
        id=identity(Engine.BINARY, signal.venue, signal.signal_id),
        engine=Engine.BINARY,
        ts_first=signal.ts_recv,
        ts=signal.ts_recv,
        ts_expiry=signal.ts_recv + round(settings.max_age_s * NS_PER_S),
        verdict=verdict,
        reason=reason,
        risk_score=round(100 * min(1.0, 2 * (1 - probability)), 1),
        expected_profit=expected,
        # What the house keeps of a fair bet: a coin at this payout loses it.
        costs=(Cost("house edge", settings.stake * (1 - (1 + signal.payout) / 2)),),
        simulated=signal.venue.startswith("sim_"),
        plan=BinaryPlan(
            source=signal.venue,
            pair=signal.symbol,
            direction=Direction.CALL if signal.direction > 0 else Direction.PUT,
            probability=probability,
            claimed=signal.probability,
            break_even=break_even,
            payout=signal.payout,
            stake=settings.stake,
            expiry_s=signal.expiry_s,
        ),
    )


class BinaryFinder:
    """The engine: signals that came lately, judged by the newest reliability."""

    def __init__(self, settings: BinarySettings) -> None:
        self._settings = settings
        self._reliability: Reliability = {}
        self._signals: dict[str, BinarySignal] = {}
        self._found: list[Opportunity] = []

    def take(self, quote: Quote) -> None:
        """A bet rests on no quote."""

    def add(self, signal: BinarySignal) -> None:
        """Takes in a signal; the same one again changes nothing."""
        key = f"{signal.venue}:{signal.signal_id}"
        if key not in self._signals:
            self._signals[key] = signal
            self._judge_all()

    def refresh(self, reliability: Reliability) -> None:
        """Takes in what claims turned out to be worth."""
        if reliability != self._reliability:
            self._reliability = reliability
            self._judge_all()

    def scan(self, now: int) -> list[Opportunity]:
        """Signals that are young enough to be followed."""
        if any(now >= one.ts_expiry for one in self._found):
            limit = now - round(self._settings.max_age_s * NS_PER_S)
            self._signals = {key: one for key, one in self._signals.items() if one.ts_recv > limit}
            self._judge_all()
        return list(self._found)

    def _judge_all(self) -> None:
        self._found = [opportunity(one, self._reliability, self._settings) for one in self._signals.values()]


def _judge(
    signal: BinarySignal, cell: Cell, probability: float, break_even: float, settings: BinarySettings
) -> tuple[Verdict, str]:
    told = f"{signal.probability:.0%} claimed, {cell.won} of {cell.decided} such signals won"
    if cell.decided < settings.min_decided:
        return Verdict.SKIP, f"{told}: {settings.min_decided} must be decided before a claim counts"
    if probability <= break_even:
        return Verdict.SKIP, f"{told}: {probability:.1%} is not above the break-even of {break_even:.1%}"
    if probability < settings.min_probability:
        return Verdict.CONSIDER, f"{told}: {probability:.1%} is below {settings.min_probability:.0%}"
    return Verdict.EXECUTE, f"{told}: {probability:.1%} against a break-even of {break_even:.1%}"
