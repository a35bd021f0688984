"""A backtest that finds, decides, trades and books, against NautilusTrader's that does nothing, on the same trades.

Each recorded trade is a row of a market, and again of a second one that strays from it for a second now and then. What
is timed is the whole run: looking for moments, scanning, agents, risk, orders that arrive after a latency, fills with
fees, lots, cash journal, exits, learning. The peer is handed the trades and counts them.
"""

from __future__ import annotations

import statistics
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
from loguru import logger

from tests.bench.environment import PeerMissingError, peer
from tests.bench.market import recorded_trades, tiles
from tests.bench.measure import Verdict, cpu_s, one_core
from trifecta.clock import NS_PER_S
from trifecta.market.orders import Terms as OrderTerms
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.settings import Settings
from trifecta.trade.audit import audit
from trifecta.trade.backtest.report import report
from trifecta.trade.backtest.run import Backtest
from trifecta.trade.backtest.tape import Levels, Listing, Tape
from warehouse.ledger import Ledger

TARGET = 10.0
HERE, THERE = "bench_here", "bench_there"
STRAYS_EVERY_S, STRAYS_S, STRAYS_BY = 14_400, 1, 1.01
"""Six trades a day and pair: what a trade costs is paid once, what looking costs by each print."""
TICK, DEPTH = 0.01, 5
PEER_TRADES = 200_000


def measure(*, quick: bool) -> list[Verdict]:
    one_core()
    trades = _trades(1_000_000 if quick else 5_000_000)
    tape = _tape(trades)
    rounds = 3 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        rates, made = zip(*(_ours(tape, Path(folder) / f"{n}.db", len(trades)) for n in range(rounds + 1)), strict=True)
        note = f"{made[-1]} trades booked in {len(trades):,} prints; {statistics.median(rates[1:]):,.0f} prints/s"
        try:
            theirs = _theirs(trades[:PEER_TRADES], Path(folder) / "trades.npy", rounds)
        except PeerMissingError as error:
            return [Verdict("backtest against NautilusTrader doing nothing", None, "x", TARGET, note=str(error))]
    ratio = statistics.median(ours / peers for ours, peers in zip(rates[1:], theirs, strict=True))
    told = f"{note}; NautilusTrader {statistics.median(theirs):,.0f} prints/s"
    return [Verdict("backtest against NautilusTrader doing nothing", ratio, "x", TARGET, note=told)]


def _ours(tape: Tape, path: Path, prints: int) -> tuple[float, int]:
    """Prints a second of processor time, and how many trades were booked."""
    logger.disable("trifecta")
    with Ledger(f"sqlite:///{path}", durable=False) as ledger:
        ledger.migrate()
        run = Backtest(tape, Settings(data_dir=path.parent), ledger)
        seconds = cpu_s(run.run)
        with ledger.read() as connection:
            found = report(connection)
            if audit(connection) or not found.trades:
                raise AssertionError(found)
    return prints / seconds, found.trades


def _theirs(trades: np.ndarray, path: Path, rounds: int) -> list[float]:
    sold = trades["side"] < 0
    np.save(path, np.column_stack([trades["ts_event"], trades["price"], np.maximum(trades["qty"], 1), sold]))
    with peer("nautilus_nothing.py", path, environment="nautilus") as nautilus:
        return [len(trades) / nautilus.run() for _ in range(rounds + 1)][1:]


def _trades(total: int) -> np.ndarray:
    """Recorded trades again and again, times rising."""
    recorded, _ = recorded_trades()
    found = np.concatenate(list(tiles(recorded, total, 50)))
    found["ts_event"] = np.maximum.accumulate(found["ts_event"])
    return found


def _tape(trades: np.ndarray) -> Tape:
    times, prices = np.repeat(trades["ts_event"], 2), np.repeat(trades["price"] / 100, 2)
    listing = np.tile([0, 1], len(trades))
    second = (times - times[0]) // NS_PER_S % STRAYS_EVERY_S
    prices = np.where((listing == 1) & (second >= STRAYS_EVERY_S - STRAYS_S), prices * STRAYS_BY, prices).round(2)
    sizes = np.full(len(times), 1.0)

    def ladder(row: int) -> tuple[Levels, Levels]:
        steps = [TICK * level for level in range(1, DEPTH + 1)]
        price = float(prices[row])
        return [(round(price - step, 2), 1.0) for step in steps], [(round(price + step, 2), 1.0) for step in steps]

    return Tape(
        listings=(_listing(HERE), _listing(THERE)),
        ts=times,
        ts_event=times,
        listing=listing,
        bid=prices - TICK,
        bid_qty=sizes,
        ask=prices + TICK,
        ask_qty=sizes,
        whole=np.ones(len(times), np.bool_),
        ladder=ladder,
        simulated=True,
    )


def _listing(venue: str) -> Listing:
    scan = ScanTerms(venue, "BTCUSDT", "BTC", "USDT", 0.001, Decimal("0.00001"))
    order = OrderTerms(
        venue, "BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), taker_fee=Decimal("0.001")
    )  # fmt: skip
    return Listing(scan, order)
