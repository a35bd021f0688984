"""A lake, and files in the layouts that can be imported."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from trifecta.capture.importers import ImportSummary, import_file
from trifecta.clock import ManualClock
from warehouse import Lake
from warehouse.sessions import session

NOW_NS = 1_760_000_000 * 10**9  # 2025-10-09
START_MS = 1_723_161_240_000  # 2024-08-08 23:54:00

Import = Callable[..., ImportSummary]
Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake whose tables hold nothing: copying it is faster than making one."""
    folder = tmp_path_factory.mktemp("empty") / "lake"
    Lake(str(folder)).create_all()
    return folder


@pytest.fixture
def lake(tmp_path: Path, empty_lake: Path) -> Lake:
    folder = tmp_path / "data" / "lake"
    shutil.copytree(empty_lake, folder)
    return Lake(str(folder))


@pytest.fixture
def take(lake: Lake) -> Import:
    """Imports a file, and sees to it that every row is accounted for."""

    def run(path: Path, **options: Any) -> ImportSummary:
        summary = import_file(path, lake=lake, clock=ManualClock(NOW_NS), **options)
        accounted = summary.rows_written + summary.duplicates + summary.rows_quarantined + summary.withheld
        assert accounted == summary.rows
        return summary

    return run


@pytest.fixture
def ask(lake: Lake) -> Ask:
    """Answers of the lake as it is now."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        connection = session(lake)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return run


def spot_trade(trade_id: int, *, price: str = "61837.62000000", qty: str = "0.00500000", ms: int | None = None) -> str:
    """A line of the public archive's spot trades."""
    time = START_MS + trade_id % 100_000 if ms is None else ms
    maker = "True" if trade_id % 2 else "False"
    return f"{trade_id},{price},{qty},309.18810000,{time},{maker},True"


def spot_aggregate(aggregate_id: int, first: int, last: int) -> str:
    """A line of the public archive's spot aggTrades."""
    return f"{aggregate_id},61837.62000000,0.00500000,{first},{last},{START_MS + first % 100_000},True,True"


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
