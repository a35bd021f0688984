"""From a proposal, and from an opportunity, to a booked paper fill on disk, against the documents' 150 + 20 ms.

The wall's milliseconds count: risk, intent, claim, fill, lots, cash, equity and two durable commits; of an opportunity
also its terms, marks, both agents, and the levels it is to end at. No latency is modelled, so that what is measured is
ours alone.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loguru import logger

from tests.bench.measure import Verdict
from tests.trade.pit import Pit, pit, signal
from tests.trade.trading import BTC, LOOSE, Floor, floor
from trifecta.decide.agents import learner
from trifecta.market.orders import OrderStatus
from trifecta.settings import Settings
from trifecta.trade.audit import audit
from trifecta.trade.judging import judges
from warehouse.ledger import Ledger

TARGET_MS = 10.0
DOCUMENTED_MS = 170.0
WARM_UP = 50


def measure(*, quick: bool) -> list[Verdict]:
    trades = 300 if quick else 2_000
    logger.disable("trifecta")  # a line a trade, which a process writes to its log and a bench to the terminal
    with tempfile.TemporaryDirectory() as folder:
        proposals, disk_ms = _measured(Path(folder) / "proposals", trades, _of_proposals)
        opportunities, _ = _measured(Path(folder) / "opportunities", trades, _of_opportunities)
    return [
        _verdict("proposal to booked paper fill, p99", proposals, disk_ms),
        Verdict("  against the documents' 150 + 20 ms", DOCUMENTED_MS / _p99(_walls(proposals)), "x", 10.0),
        _verdict("opportunity to booked paper fill, p99", opportunities, disk_ms, DOCUMENTED_MS / 10),
    ]


_Took = list[tuple[float, float]]


def _measured(
    folder: Path, trades: int, made: Callable[[Ledger], Callable[[int], tuple[float, float]]]
) -> tuple[_Took, list[float]]:
    """Milliseconds of the wall and of the processor for each trade, and what the disk alone takes."""
    folder.mkdir()
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        ledger.migrate()
        trade = made(ledger)
        took = [trade(number) for number in range(WARM_UP + trades)][WARM_UP:]
        with ledger.read() as connection:
            if told := audit(connection):
                raise AssertionError(told)
    return took, _disk_ms(folder, trades)


def _verdict(name: str, took: _Took, disk_ms: list[float], target_ms: float = TARGET_MS) -> Verdict:
    walls, processor = zip(*took, strict=True)
    note = (
        f"p50 {statistics.median(walls):.1f} ms; of the processor p99 {_p99(processor):.1f} ms; "
        f"two fsyncs of this disk p99 {2 * _p99(disk_ms):.1f} ms"
    )
    return Verdict(name, _p99(walls), "ms", target_ms, False, note)


def _walls(took: _Took) -> list[float]:
    return [wall for wall, _ in took]


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _of_proposals(ledger: Ledger) -> Callable[[int], tuple[float, float]]:
    own = floor(ledger, LOOSE)
    return lambda number: _trade_ms(own, number)


def _trade_ms(own: Floor, number: int) -> tuple[float, float]:
    buys = number % 2 == 0
    own.clock.advance(1)
    own.books.set(BTC, {"99.9": "5000"}, {"100.1": "5000"}, own.clock.now_ns())
    drafted = own.ask(BTC, "BUY" if buys else "SELL", "1")
    began, used = time.perf_counter(), time.process_time()
    done = own.trade(f"opportunity {number}", drafted)
    took_ms = (time.perf_counter() - began) * 1_000, (time.process_time() - used) * 1_000
    if [order.status for order in done.orders] != [OrderStatus.FILLED]:
        raise AssertionError(done)
    return took_ms


def _of_opportunities(ledger: Ledger) -> Callable[[int], tuple[float, float]]:
    settings = Settings()
    own = pit(
        ledger, latency_ms=0, mark_s=1e6, reconcile_s=1e6, judges=judges(settings, ledger),
        learn=learner(settings.trade.agents),
    )  # fmt: skip
    return lambda number: _execute_ms(own, number)


def _execute_ms(own: Pit, number: int) -> tuple[float, float]:
    """One forex signal; its position is ended again before the next."""
    own.clock.advance(1)
    own.quote(1.0999, 1.1)
    own.trader.offer([signal(own, str(number), size=1_000)])
    began, used = time.perf_counter(), time.process_time()
    done = own.trader.execute(f"forex-{number}", "bench")
    took_ms = (time.perf_counter() - began) * 1_000, (time.process_time() - used) * 1_000
    if [order.status for order in done.orders] != [OrderStatus.FILLED]:
        raise AssertionError(done)
    own.clock.advance(1)
    own.quote(1.104, 1.1041)
    own.trader.step()
    return took_ms


def _disk_ms(folder: Path, count: int) -> list[float]:
    """What writing and syncing 4 KiB alone takes."""
    took = []
    with (folder / "disk").open("wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1_000)
    return took
