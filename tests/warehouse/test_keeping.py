"""A system without Prefect keeps its lake as the flows would."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.ports import free_port
from trifecta.ops import parts
from trifecta.settings import load
from warehouse import Lake

pytestmark = pytest.mark.timeout(120)
QUICK = """
from trifecta.ops import keeping
from trifecta.settings import load
keeping.run(load(), tuple(chore._replace(every_s=0.1) for chore in keeping.CHORES))
"""


def test_merges_publishes_and_removes_again_and_again_and_ends_when_asked(
    tmp_path: Path, rows: Callable[..., pa.Table]
) -> None:
    settings = load(data_dir=tmp_path, bus_address=f"tcp://127.0.0.1:{free_port()}")
    lake = Lake(settings.lake)
    for version in range(5):
        lake.append("trades", rows("trades", trade_id=[version]), writer="binance", version=version)
    journal = settings.journal_dir / "sim_binance"
    journal.mkdir(parents=True)
    old, new = (journal / f"{number:020d}.log.zst" for number in range(2))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    environment = dict(os.environ) | parts.settings_environment(settings)
    with subprocess.Popen([sys.executable, "-c", QUICK], env=environment) as keeper:
        try:
            _until(lambda: len(Lake(settings.lake).files("trades")) == 1)
            _until(settings.published.exists)
            _until(lambda: not old.exists())
            keeper.terminate()
            assert keeper.wait(30) == 0
        finally:
            keeper.kill()
    assert new.exists()
    with duckdb.connect(str(settings.published), read_only=True) as published:
        assert published.execute("select count(*) from trades").fetchall() == [(5,)]


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
