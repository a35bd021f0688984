"""`trifecta backtest`: a tape, a ledger of its own, a progress bar and a report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from trifecta.capture.replay import replay
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.errors import DataError
from trifecta.market.events import ASSUMED_SPREAD
from trifecta.scan.snapshot import iso
from trifecta.settings import Settings
from trifecta.trade.backtest import bars, recorded
from trifecta.trade.backtest.divergence import Divergence, compare, span
from trifecta.trade.backtest.report import Report, report
from trifecta.trade.backtest.run import Backtest
from trifecta.trade.backtest.tape import Tape
from trifecta.trade.requests import portfolio
from warehouse.lake import Lake
from warehouse.ledger import Ledger
from warehouse.sessions import session

MOST_FILLS = 20
"""Fills of both that are shown on a terminal; `--json` has all."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run: what was traded, how fast, and what it came to."""

    simulated: bool
    seed: int
    start: str
    end: str
    markets: int
    tape: str  # digest of what was traded
    rows: int
    fed: int  # rows that the scanners were shown
    opportunities: int
    advised: int  # of them EXECUTE
    open_trades: int
    seconds: float
    report: Report
    divergence: Divergence | None
    """Of paper from this run, where it was asked for."""

    @property
    def ledger_hash(self) -> str:
        return self.report.ledger_hash


def run(
    tape: Tape, settings: Settings, console: Console, keep: Path | None = None, *, against_paper: bool = False
) -> Result:
    """Trades a tape into a ledger that is removed afterwards, or put at `keep` once it is whole.

    Args:
        against_paper: compare it with what paper traded in the tape's span.

    Raises:
        DataError: the tape is empty, or something is at `keep` already.
    """
    if not len(tape):
        raise DataError("there is no quote in this span: `trifecta sql -c 'from quotes limit 5'` shows what there is")
    if keep is not None and keep.exists():
        raise DataError(f"keep = {keep}: expected a path where nothing is yet")
    clock = SystemClock()
    started_s = clock.monotonic_s()
    with _scratch(keep) as path, Ledger(f"sqlite:///{path}", durable=False) as ledger, _quiet():
        ledger.migrate()
        done = Backtest(tape, settings, ledger)
        with _progress(console) as told:
            done.run(told)
        with ledger.read() as connection:
            found = report(connection)
            apart = _against(settings, connection, tape) if against_paper else None
        return _result(tape, settings, done, found, clock.monotonic_s() - started_s, apart)


def _against(settings: Settings, replayed: Connection, tape: Tape) -> Divergence:
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        with ledger.read() as paper:
            return compare(paper, replayed, portfolio(settings), int(tape.ts[0]), int(tape.ts[-1]) + 1)


def paper_span(settings: Settings) -> tuple[str, str]:
    """From a minute before paper's first trade to a minute behind its last.

    Raises:
        DataError: paper has traded nothing.
    """
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        with ledger.read() as connection:
            found = span(connection, portfolio(settings))
    if found is None:
        raise DataError("paper has traded nothing yet: `trifecta auto on` lets the rule trade")
    return iso(found[0] - 60 * NS_PER_S), iso(found[1] + 60 * NS_PER_S)


def _result(
    tape: Tape, settings: Settings, done: Backtest, found: Report, took_s: float, apart: Divergence | None
) -> Result:
    return Result(
        simulated=tape.simulated,
        seed=settings.trade.seed,
        start=iso(int(tape.ts[0])),
        end=iso(int(tape.ts[-1])),
        markets=len(tape.listings),
        tape=tape.digest(),
        rows=done.watched.rows,
        fed=done.watched.fed,
        opportunities=len(done.watched.opportunities),
        advised=len(done.watched.advised),
        open_trades=done.open_trades,
        seconds=round(took_s, 2),
        report=found,
        divergence=apart,
    )


@contextmanager
def _scratch(keep: Path | None) -> Iterator[Path]:
    """Where the ledger is written; it comes to `keep` whole or not at all."""
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".backtest-", dir=None if keep is None else keep.parent) as folder:
        path = Path(folder) / "ledger.db"
        yield path
        if keep is not None:
            shutil.move(path, keep)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log of each order, which is of a time that is long past."""
    logger.disable("trifecta")
    try:
        yield
    finally:
        logger.enable("trifecta")


@contextmanager
def _progress(console: Console, what: str = "backtest") -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def documented(found: Result) -> dict[str, Any]:
    """The object that scripts get; money as text, exact."""
    told: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    own = told.pop("report")
    return {**told, **own}


def shown(found: Result, currency: str) -> RenderableType:
    """The report for people."""
    own = found.report
    parts: list[RenderableType] = []
    if found.simulated:
        parts.append(Panel(Text("SIMULATED MARKET", justify="center", style="bold"), style="black on yellow"))
    parts.append(
        Text(f"{found.start} to {found.end} · {found.markets} markets · {found.rows:,} rows in {found.seconds:.1f} s")
    )
    parts.append(
        Text(f"{found.opportunities} opportunities, {found.advised} of them EXECUTE at some moment", style="dim")
    )
    table = Table(title=f"\nBACKTEST · {currency}", title_justify="left", box=None, pad_edge=False)
    for column in ("engine", "approved", "refused", "skipped", "closed", "won", "P&L", "fees", "worst"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for one in own.engines:
        won = f"{one.won / one.closed:.0%}" if one.closed else "-"
        counts = (one.approved, one.refused, one.skipped, one.closed)
        table.add_row(
            one.engine, *map(str, counts), won, *(f"{money:,.2f}" for money in (one.pnl, one.fees, one.worst))
        )
    parts += [table, Text()]
    worth = (
        f"equity {own.equity_start:,.2f} → {own.equity_end:,.2f} · P&L {own.pnl:+,.2f} after {own.fees:,.2f} of fees"
    )
    parts.append(Text(f"{worth} · maximum drawdown {own.drawdown:.2%} · {found.open_trades} trades still open"))
    if own.refusals:
        parts.append(Text("not traded: " + ", ".join(f"{why} {count}" for why, count in own.refusals[:6]), style="dim"))
    if found.divergence is not None:
        parts += _apart(found.divergence, currency)
    parts.append(Text(f"seed {found.seed} · tape {found.tape} · ledger {own.ledger_hash}", style="dim"))
    return Group(*parts)


def _apart(found: Divergence, currency: str) -> list[RenderableType]:
    table = Table(title="\nPAPER AGAINST ITS REPLAY", title_justify="left", box=None, pad_edge=False)
    for column in ("opportunity", "venue", "symbol", "side", "paper qty", "replay qty", "replay worse by bps"):
        table.add_column(column, justify="right" if column.endswith(("qty", "bps")) else "left")
    for one in found.fills[:MOST_FILLS]:
        worse = "-" if one.worse_bps is None else f"{one.worse_bps:+.2f}"
        table.add_row(
            one.opportunity_id, one.venue, one.symbol, one.side, str(one.paper_qty), str(one.replay_qty), worse
        )
    mean = "nothing" if found.mean_worse_bps is None else f"{found.mean_worse_bps:+.2f} bps on average"
    lines = (
        f"{found.same} trades of both, {len(found.only_paper)} of paper alone, "
        f"{len(found.only_replay)} of the replay alone",
        f"of {len(found.fills)} fills {found.same_qty} have the same size; the replay was filled worse by {mean}",
        f"P&L of what both closed, {currency}: paper {found.paper_pnl:,.2f}, replay {found.replay_pnl:,.2f}",
    )
    return [table, *map(Text, lines), Text()]


def simulated_tape(seed: int, hours: float) -> Tape:
    """The simulated market of a seed."""
    from trifecta.trade.backtest.simulated import simulated  # noqa: PLC0415 - loads the emulator

    return simulated(seed, hours)


def recorded_tape(settings: Settings, files: Sequence[Path], start: str, end: str, console: Console) -> Tape:
    """What the lake holds of a span, or what recordings or a journal hold of it; without one all of it.

    Raises:
        DataError: a time is none, or there is no quote in the span.
    """
    span = _span_ns(start, "from", 0), _span_ns(end, "to", 2**62)
    if not files:
        return _read(Lake(settings.lake), span, console)
    with tempfile.TemporaryDirectory(prefix="trifecta-", ignore_cleanup_errors=True) as folder:
        lake = Lake(folder)
        lake.create_all()
        with _progress(console, "replay") as told:
            replay(files, lake=lake, clock=SystemClock(), on_progress=told)
        return _read(lake, span, console)


def forex_tape(settings: Settings, start: str, end: str, console: Console) -> Tape:
    """What the lake's M15 bars of forex tell of a span; without one all of it.

    Raises:
        DataError: a time is none, or there is no such bar in the span.
    """
    span = _span_ns(start, "from", 0), _span_ns(end, "to", 2**62)
    with session(Lake(settings.lake)) as connection:
        found = bars.read(connection, *span, settings.scan.forex.commission_per_lot)
    if not len(found.tape):
        raise DataError("there is no M15 bar of forex in this span: `trifecta import-forex` reads a history of them")
    if found.assumed:
        told = f"a spread of {ASSUMED_SPREAD:.2%} is assumed of {', '.join(found.assumed)}"
        console.print(f"{told}: they have one side, taken for bids", style="yellow")
    return found.tape


def _read(lake: Lake, span: tuple[int, int], console: Console) -> Tape:
    with session(lake) as connection:
        found = recorded.read(connection, *span)
    if found.assumed:
        told = f"a taker's fee of {recorded.ASSUMED_TAKER:.1%} is assumed of {', '.join(found.assumed)}"
        console.print(f"{told}: the venue told no terms", style="yellow")
    return found.tape


def _span_ns(text: str, name: str, default: int) -> int:
    """A time like 2025-01-31 or 2025-01-31T12:00:00, UTC where it tells no zone, in ns."""
    if not text:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{name} = {text!r}: expected a time like 2025-01-31 or 2025-01-31T12:00:00") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()) * NS_PER_S
