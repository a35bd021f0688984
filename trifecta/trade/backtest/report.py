"""What a run came to, read from its ledger alone, and the hash by which two runs are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from itertools import accumulate

from sqlalchemy import Connection, func, select

from trifecta.market.money import ZERO
from warehouse.ledger import decisions, equity, fills, metadata, outcomes

_UNDATED = frozenset({"models", "model_events"})


@dataclass(frozen=True, slots=True)
class EngineReport:
    """One engine; amounts in the reporting currency."""

    engine: str
    approved: int
    refused: int
    skipped: int
    closed: int
    won: int
    pnl: Decimal  # after fees
    fees: Decimal
    worst: Decimal  # outcome


@dataclass(frozen=True, slots=True)
class Report:
    """A ledger in figures."""

    ledger_hash: str
    trades: int  # decisions with a booked outcome
    fills: int
    pnl: Decimal
    fees: Decimal
    equity_start: Decimal
    equity_end: Decimal
    drawdown: float  # the largest share of a peak of the equity series that was lost
    engines: tuple[EngineReport, ...]
    refusals: tuple[tuple[str, int], ...]
    """Why not, most frequent first: the limit, or the stage that skipped."""


def report(connection: Connection) -> Report:
    """The figures of a ledger of one portfolio."""
    worth = list(connection.execute(select(equity.c.equity).order_by(equity.c.id)).scalars())
    engines = _engines(connection)
    return Report(
        ledger_hash=ledger_hash(connection),
        trades=sum(one.closed for one in engines),
        fills=int(connection.execute(select(func.count()).select_from(fills)).scalar_one()),
        pnl=sum((one.pnl for one in engines), ZERO),
        fees=sum((one.fees for one in engines), ZERO),
        equity_start=worth[0] if worth else ZERO,
        equity_end=worth[-1] if worth else ZERO,
        drawdown=drawdown(worth),
        engines=engines,
        refusals=_refusals(connection),
    )


def ledger_hash(connection: Connection) -> str:
    """The same for two ledgers that hold the same rows: 32 digits over every table of trading."""
    found = blake2b(digest_size=16)
    for table in sorted(metadata.tables.values(), key=lambda one: one.name):
        if table.name in _UNDATED:
            continue
        found.update(table.name.encode())
        for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
            found.update(repr(tuple(row)).encode())
    return found.hexdigest()


def drawdown(worth: Sequence[Decimal]) -> float:
    """The largest share of a peak that was lost behind it, 0..1."""
    peaks = accumulate(worth, max)
    return max((float((peak - one) / peak) for one, peak in zip(worth, peaks, strict=True) if peak > 0), default=0.0)


def _engines(connection: Connection) -> tuple[EngineReport, ...]:
    verdicts: Counter[tuple[str, str]] = Counter()
    asked = select(decisions.c.engine, decisions.c.verdict, func.count()).group_by(
        decisions.c.engine, decisions.c.verdict
    )
    for engine, verdict, count in connection.execute(asked):
        verdicts[engine, verdict] = count
    found = []
    for engine in sorted({engine for engine, _ in verdicts}):
        own = connection.execute(select(outcomes.c.pnl, outcomes.c.fees).where(outcomes.c.engine == engine)).all()
        found.append(
            EngineReport(
                engine=engine,
                approved=verdicts[engine, "approved"],
                refused=verdicts[engine, "refused"],
                skipped=verdicts[engine, "skipped"],
                closed=len(own),
                won=sum(row.pnl > 0 for row in own),
                pnl=sum((row.pnl for row in own), ZERO),
                fees=sum((row.fees for row in own), ZERO),
                worst=min((row.pnl for row in own), default=ZERO),
            )
        )
    return tuple(found)


def _refusals(connection: Connection) -> tuple[tuple[str, int], ...]:
    asked = select(decisions.c.reason).where(decisions.c.verdict != "approved")
    counted = Counter(reason.partition(":")[0] for reason in connection.execute(asked).scalars())
    return tuple(counted.most_common())
