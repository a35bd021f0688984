"""From a proposal to a paper fill that is booked and on disk, against the design documents' 150 + 20 ms.

The wall's milliseconds count: risk, intent, claim, fill, lots, cash, equity and two durable commits. No latency is
modelled, so that what is measured is ours alone.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import Verdict
from tests.trade.trading import BTC, LOOSE, Floor, floor
from trifecta.market.orders import OrderStatus
from trifecta.trade.audit import audit
from warehouse.ledger import Ledger

TARGET_MS = 10.0
DOCUMENTED_MS = 170.0
WARM_UP = 50


def measure(*, quick: bool) -> list[Verdict]:
    trades = 300 if quick else 2_000
    with tempfile.TemporaryDirectory() as folder, Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}") as ledger:
        ledger.migrate()
        own = floor(ledger, LOOSE)
        took = [_trade_ms(own, number) for number in range(WARM_UP + trades)][WARM_UP:]
        with ledger.read() as connection:
            if told := audit(connection):
                raise AssertionError(told)
        disk_ms = _disk_ms(Path(folder), trades)
    wall_ms, processor_ms = zip(*took, strict=True)
    p99 = _p99(wall_ms)
    note = (
        f"p50 {statistics.median(wall_ms):.1f} ms; of the processor p99 {_p99(processor_ms):.1f} ms; "
        f"two fsyncs of this disk p99 {2 * _p99(disk_ms):.1f} ms"
    )
    return [
        Verdict("proposal to booked paper fill, p99", p99, "ms", TARGET_MS, False, note),
        Verdict("  against the documents' 150 + 20 ms", DOCUMENTED_MS / p99, "x", 10.0),
    ]


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def _trade_ms(own: Floor, number: int) -> tuple[float, float]:
    """Milliseconds of the wall and of the processor."""
    buys = number % 2 == 0
    own.clock.advance(1)
    own.books.set(BTC, {"99.9": "500"}, {"100.1": "500"}, own.clock.now_ns())
    drafted = own.ask(BTC, "BUY" if buys else "SELL", "1")
    began, used = time.perf_counter(), time.process_time()
    done = own.trade(f"opportunity {number}", drafted)
    took_ms = (time.perf_counter() - began) * 1_000, (time.process_time() - used) * 1_000
    if [order.status for order in done.orders] != [OrderStatus.FILLED]:
        raise AssertionError(done)
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
