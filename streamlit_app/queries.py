"""Questions that people keep: one `.sql` file each, below the data folder."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,59}")
MOST = 200
MAX_CHARS = 20_000
ONE_AT_A_TIME = threading.Lock()
"""Held while a session takes new file lists."""


class Saved(NamedTuple):
    """A question and its name."""

    name: str
    sql: str


EXAMPLES = (
    Saved(
        "Minute bars of an instrument",
        "select ts_open, open, high, low, close, volume, trades, complete\n"
        "from bars_1m\nwhere symbol = 'BTCUSDT' and venue like '%binance'\norder by ts_open desc\nlimit 500",
    ),
    Saved(
        "What each table holds by day",
        "select venue, symbol, date, count(*) as trades, min(price) as low, max(price) as high\n"
        "from trades\ngroup by all\norder by all",
    ),
    Saved(
        "Forecasts against what came",
        "select made.venue, made.symbol, made.method, count(*) as forecasts,\n"
        "    avg(abs(log(bars.high / bars.low) - made.log_range)) as mean_error\n"
        "from predictions as made\njoin bars_1m as bars\n"
        "    on bars.venue = made.venue and bars.symbol = made.symbol\n"
        "    and bars.ts_open = time_bucket(interval 1 minute, made.ts_event) + interval 1 minute\n"
        "where made.horizon_s = 300\ngroup by all\norder by all",
    ),
    Saved("Spread by minute", "from spread_1m\norder by ts_open desc\nlimit 500"),
    Saved("Gaps that are not filled", "from gaps\nwhere status <> 'filled'\norder by ts_from desc"),
    Saved(
        "What each engine earned",
        "select portfolio, engine, currency, count(*) as trades, sum(pnl) as pnl, sum(fees) as fees\n"
        "from outcomes\ngroup by all\norder by all",
    ),
    Saved("What is in quarantine", "from quarantine_by_reason\norder by inputs desc"),
)


def read(folder: Path) -> list[Saved]:
    """Every kept question, by name."""
    return [Saved(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))[:MOST]]


def write(folder: Path, saved: Saved) -> None:
    """Keeps a question; one of the same name is replaced.

    Raises:
        ValueError: the name cannot be a file's, or there is too much of it.
    """
    if NAME.fullmatch(saved.name) is None:
        raise ValueError(f"name {saved.name!r}: letters, digits, spaces, - and _, up to 60")
    if len(saved.sql) > MAX_CHARS or not saved.sql.strip():
        raise ValueError(f"a query has 1 to {MAX_CHARS} characters, this one has {len(saved.sql)}")
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{saved.name}.new"
    aside.write_text(saved.sql, encoding="utf-8")
    aside.replace(folder / f"{saved.name}.sql")


def remove(folder: Path, name: str) -> None:
    """Forgets a question."""
    if NAME.fullmatch(name) is not None:
        (folder / f"{name}.sql").unlink(missing_ok=True)


def as_csv(rows: pa.Table) -> bytes:
    """The rows as CSV; nested values as text, because CSV has none."""
    flat = [
        pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
        if pa.types.is_nested(column.type)
        else column
        for column in rows.columns
    ]
    out = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(flat, names=rows.column_names), out)
    return out.getvalue()


def as_parquet(rows: pa.Table) -> bytes:
    """The rows as a Parquet file."""
    out = io.BytesIO()
    pyarrow.parquet.write_table(rows, out, compression="zstd")
    return out.getvalue()
