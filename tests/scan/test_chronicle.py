"""What became of opportunities is stored once, whoever stores it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.scan.test_arbitrage import BINANCE, KRAKEN, NOW, SETTINGS, board
from trifecta.scan.arbitrage import ArbitrageScanner
from trifecta.scan.chronicle import Chronicle
from trifecta.scan.opportunity import Engine
from trifecta.scan.snapshot import Snapshot, Stats
from warehouse import Lake, session


class SlowLake(Lake):
    """A lake whose first commit takes until it is told to end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.commits = 0
        self.entered, self.end = threading.Event(), threading.Event()

    def append(self, *given: Any, **named: Any) -> int:
        self.commits += 1
        self.entered.set()
        assert self.end.wait(60)
        return super().append(*given, **named)


def test_two_flushes_at_once_store_each_row_once(tmp_path: Path) -> None:
    found = ArbitrageScanner(board((BINANCE, 60_000), (KRAKEN, 60_600)), SETTINGS).scan(NOW)
    chronicle, lake = Chronicle(), SlowLake(tmp_path)
    chronicle.note(Snapshot("run", 1, NOW, {Engine.ARBITRAGE: tuple(found)}, Stats(1, 1, 2, {}, 1.0, []), True))
    threads = [threading.Thread(target=chronicle.flush, args=(lake,)) for _ in range(2)]
    threads[0].start()
    assert lake.entered.wait(60)
    threads[1].start()
    threads[1].join(0.3)  # enough to get into the lake if nothing held it back
    lake.end.set()
    for thread in threads:
        thread.join()
    assert lake.commits == 1
    with session(Lake(str(tmp_path))) as connection:
        assert connection.execute("select count(*) from raw.opportunities").fetchall() == [(1,)]
