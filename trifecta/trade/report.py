"""What the trader says of itself, for whoever looks from outside."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from trifecta.clock import NS_PER_S

FILE = "trader.json"
STALE_S = 5.0


class Report(msgspec.Struct, frozen=True):
    """The state of trading. Money is in the reporting currency; what dice decided has a label."""

    portfolio: str
    mode: str
    fill_model: str
    label: str
    currency: str
    auto: bool
    equity: float
    pnl: float
    open_trades: int
    through: int
    events: int
    offers: int
    verdicts: dict[str, int]
    decide_s: float
    """Spent on deciding, in all."""
    discrepancies: int
    alarms: list[str]
    pid: int = 0
    ts_ns: int = 0


def write(run_dir: Path, told: Report, now_ns: int) -> None:
    """Replaces the report in one step."""
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / f".trader.{os.getpid()}"
    aside.write_bytes(msgspec.json.encode(msgspec.structs.replace(told, pid=os.getpid(), ts_ns=now_ns)))
    aside.replace(run_dir / FILE)


def last(run_dir: Path) -> Report | None:
    """What a trader said last, however long ago; None where none ever spoke."""
    try:
        return msgspec.json.decode((run_dir / FILE).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None


def read(run_dir: Path, now_ns: int) -> Report | None:
    """The newest report; None where no trader has spoken within `STALE_S`."""
    found = last(run_dir)
    return found if found is not None and now_ns - found.ts_ns <= STALE_S * NS_PER_S else None
