"""What the scanners find is what the market's maker hid there, and nothing else; whatever a venue does wrong.

The emulator's books, frames and faults, our parsers, books and scanners, in virtual time. A dislocation has to be
found where it is wide enough to pay every cost and lasts longer than acting takes (`VirtualMarket.score`). The whole
hour runs as `python -m tests.bench finding`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scan.virtual import VirtualMarket
from trifecta.emulator.config import Fault, FaultKind
from trifecta.scan.opportunity import Opportunity, Verdict

pytestmark = pytest.mark.timeout(400)
TWO = ("BTCUSDT", "ETHUSDT")
MOVE_BPS = 200.0
VENUES = {"binance": "BTCUSDT", "kraken": "BTC/USDT", "coinbase": "BTC-USDT", "okx": "BTC-USDT"}


def test_every_dislocation_that_pays_is_found_and_nothing_else(tmp_path: Path) -> None:
    with VirtualMarket(tmp_path, rate=60.0, dislocations_per_hour=1_500.0, seed=11) as market:
        score = market.score(90)
    assert len(score.due) >= 15
    assert {one.exchange for one in score.due} == set(VENUES)
    assert score.recall >= 0.99, score.missed
    assert score.precision >= 0.99, score.false


def test_noise_inside_the_fees_yields_nothing(tmp_path: Path) -> None:
    with VirtualMarket(tmp_path, rate=60.0, seed=12) as market:
        assert [found for _, found in market.run(45) if found] == []
        assert market.scanner.board.bid.shape == (4, 8)
        assert (market.scanner.board.ts_recv > 0).sum() == 28


def moved_without(market: VirtualMarket, venue: str, seconds: float) -> list[Opportunity]:
    """Everybody's price moves at once by far more than any fee: what is seen with a leg at `venue` from then on."""
    for name, symbol in VENUES.items():
        market.emulator.dislocate(name, symbol, MOVE_BPS, 3600.0)
    seen = [one for _, found in market.run(seconds) for one in found if one.verdict is not Verdict.SKIP]
    return [one for one in seen if any(leg.venue == f"sim_{venue}" for leg in one.plan.legs)]


FAULTS = {
    "dies": Fault(FaultKind.STALL, duration_s=30),
    "lags": Fault(FaultKind.LAG, duration_s=30, ms=5_000),
    "repeats": Fault(FaultKind.DUPLICATE, count=100_000),
    "swaps its sides": Fault(FaultKind.SWAPPED, duration_s=30),
    "sets its clock ahead": Fault(FaultKind.CLOCK_SKEW, duration_s=30, ms=60_000),
    "sets its clock back": Fault(FaultKind.CLOCK_SKEW, duration_s=30, ms=-60_000),
}


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_a_venue_that_fails_yields_no_opportunity(tmp_path: Path, venue: str, what: str) -> None:
    fault = FAULTS[what]
    market_name = "spot" if venue == "binance" else venue
    with VirtualMarket(tmp_path, TWO, rate=40.0, seed=13) as market:
        assert [found for _, found in market.run(5) if found] == []
        market.emulator.inject(
            Fault(fault.kind, market_name, count=fault.count, duration_s=fault.duration_s, ms=fault.ms)
        )
        assert [found for _, found in market.run(3) if found] == []
        moves = what != "repeats"  # what comes twice is true the first time
        assert (moved_without(market, venue, 12) if moves else [f for _, f in market.run(12) if f]) == []
