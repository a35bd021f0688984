"""A scan of many venues against numpy, the best triangle against networkx, one whole cycle on the default markets."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.bench.environment import PeerMissingError, peer
from tests.bench.measure import Verdict, cpu_s, race, rate, times_faster
from trifecta.clock import NS_PER_S
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.board import Board
from trifecta.scan.routes import best_cycle, crossing
from trifecta.scan.terms import Terms
from trifecta.settings import ArbitrageSettings

SEED = 11
VENUES, ASSETS, CURRENCIES = 50, 500, 200
OLDEST = 5
NOW = 10**18
SCANS, TRIANGLES, CYCLES = 2000, 40, 500
CYCLE_MS = 20.0


def measure(*, quick: bool) -> list[Verdict]:
    rounds = 5 if quick else 15
    return [_crossing(rounds), _triangle(rounds), _cycle(rounds)]


def _crossing(rounds: int) -> Verdict:
    random = np.random.default_rng(SEED)
    mid = random.uniform(1, 100, ASSETS) * (1 + random.normal(0, 2e-4, (VENUES, ASSETS)))
    mid[7, ::100] *= 1.01  # five true gaps
    net_bid, net_ask, ts = mid * 0.999, mid * 1.001, random.integers(0, 100, (VENUES, ASSETS))

    def numpy_scan() -> np.ndarray:
        fresh = ts >= OLDEST
        return np.flatnonzero(np.where(fresh, net_bid, 0).max(0) > np.where(fresh, net_ask, 1e300).min(0))

    found = crossing(net_bid, net_ask, ts, OLDEST)
    if not np.array_equal(found, numpy_scan()):
        raise SystemExit("the scan and numpy do not agree on which assets cross")
    ours = [lambda: crossing(net_bid, net_ask, ts, OLDEST), numpy_scan]
    took = race(
        {n: lambda w=w: cpu_s(lambda: [w() for _ in range(SCANS)]) for n, w in zip("an", ours, strict=True)}, rounds
    )
    note = f"{1e6 / rate(took, 'a', SCANS):.1f} us, numpy {1e6 / rate(took, 'n', SCANS):.1f}; {len(found)} assets cross"
    return Verdict(f"scan {VENUES} x {ASSETS} / numpy", times_faster(took, "a", "n"), "x", 6.0, note=note)


def _triangle(rounds: int) -> Verdict:
    name = f"best triangle of {CURRENCIES} / networkx"
    random = np.random.default_rng(SEED)
    value = random.uniform(0.1, 100, CURRENCIES)
    rates = value[:, None] / value[None, :] * np.exp(random.normal(-2e-3, 3e-4, (CURRENCIES, CURRENCIES)))
    np.fill_diagonal(rates, 0)
    rates[3, 77] *= 1.01  # the one gap in a fair market; networkx is content with any cycle, ours is the best triangle
    product, *_ = best_cycle(rates)
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "rates.npy"
        np.save(given, rates)
        try:
            with peer("networkx_cycle.py", given) as networkx:
                took = race(
                    {
                        "ours": lambda: cpu_s(lambda: [best_cycle(rates) for _ in range(TRIANGLES)]) / TRIANGLES,
                        "networkx": networkx.run,
                    },
                    rounds,
                )
                cycle = networkx.told["cycle"]
        except PeerMissingError as error:
            return Verdict(name, None, "x", 25.0, note=str(error))
    gained = float(np.prod([rates[i, j] for i, j in pairwise(cycle)]))
    ours_ms, networkx_ms = (1e3 / rate(took, who, 1) for who in ("ours", "networkx"))
    note = f"{ours_ms:.2f} ms, gains {product:.5f}; networkx {networkx_ms:.0f} ms, any cycle: {gained:.5f}"
    return Verdict(name, times_faster(took, "ours", "networkx"), "x", 25.0, note=note)


def _cycle(rounds: int) -> Verdict:
    """Four venues of seven pairs: a book comes in and everything is looked at again, from the books to the orders."""
    random = np.random.default_rng(SEED)
    markets = [
        Terms(venue, f"{base}USDT", base, "USDT", 0.001, Decimal("0.0001"), 0.0, 5.0)
        for venue in ("binance", "kraken", "coinbase", "okx")
        for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC")
    ]
    board = Board(markets)
    scanner = ArbitrageScanner(board, ArbitrageSettings())

    def book(mid: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return [(mid * (1 - 1e-4 * i), 1.0) for i in range(1, 21)], [(mid * (1 + 1e-4 * i), 1.0) for i in range(1, 21)]

    for position, terms in enumerate(markets):
        board.take(terms.venue, terms.symbol, NOW + position, NOW + position, *book(100.0))
    dislocated = [book(mid) for mid in 100 * (1 + random.normal(0, 3e-3, CYCLES))]
    clock = [NOW + NS_PER_S // 10]

    def cycles() -> None:
        for position, levels in enumerate(dislocated):
            clock[0] += 1000
            terms = markets[position % len(markets)]
            board.take(terms.venue, terms.symbol, clock[0], clock[0], *levels)
            scanner.scan(clock[0])

    took = race({"ours": lambda: cpu_s(cycles)}, rounds)
    found = len(scanner.scan(clock[0]))
    milliseconds = 1e3 / rate(took, "ours", CYCLES)
    return Verdict(
        "4 x 7 quote to opportunities", milliseconds, "ms", CYCLE_MS, False, f"{found} routes pay at the end"
    )
