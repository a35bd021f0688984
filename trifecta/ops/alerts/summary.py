"""One day in a few lines: what was recorded, what was forecast, what was earned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from trifecta.clock import NS_PER_S
from trifecta.ops.alerts.watch import SIMULATED
from trifecta.settings import Market, Settings
from warehouse import Lake, session
from warehouse.contents import GAP_IN_WORDS
from warehouse.ledger import Ledger, decisions, equity, outcomes

DAY_S = 86_400

_RECORDED = """
    select venue, symbol, count(distinct ts_event) as seconds
    from orderflow_1s where date between $day::date - 1 and $day::date + 1
        and ts_event > $day::timestamp and ts_event <= $day::timestamp + interval 1 day
    group by all order by all
"""
_GAPS = f"""
    select {GAP_IN_WORDS}, count(*) from gaps
    where ts_to >= $day::timestamp and ts_to < $day::timestamp + interval 1 day
    group by 1 order by 1
"""  # noqa: S608
_QUARANTINED = "select count(*) from quarantine where date = $day::date"
_FORECASTS = """
    select method, count(*) from predictions
    where date between $day::date - 1 and $day::date + 1
        and ts_event >= $day::timestamp and ts_event < $day::timestamp + interval 1 day
    group by 1 order by 2 desc limit 3
"""


def of_day(settings: Settings, day: date) -> str:
    """The summary of one day, UTC."""
    lines = [f"{day:%A, %d %B %Y} (UTC)"]
    if settings.market is not Market.LIVE:
        lines.append(SIMULATED)
    lines += ["", *_recorded(settings, day)]
    with Ledger(settings.ledger) as ledger:
        if ledger.revision() is not None:
            with ledger.read() as connection:
                lines += ["", *_earned(connection, day)]
    return "\n".join(lines)


def _recorded(settings: Settings, day: date) -> Iterator[str]:
    values = {"day": day.isoformat()}
    with session(Lake(settings.lake)) as connection:
        rows = connection.execute(_RECORDED, values).fetchall()
        for venue, symbol, seconds in rows:
            yield f"{symbol} {venue}: {seconds / DAY_S:.2%} of the day recorded"
        if not rows:
            yield "Nothing was recorded."
        gaps = connection.execute(_GAPS, values).fetchall()
        yield "Gaps: " + (", ".join(f"{count} {what}" for what, count in gaps) or "none")
        yield f"In quarantine: {(connection.execute(_QUARANTINED, values).fetchone() or (0,))[0]:,}"
        told = connection.execute(_FORECASTS, values).fetchall()
        yield "Forecasts: " + (", ".join(f"{count:,} by {method}" for method, count in told) or "none")


def _earned(connection: Connection, day: date) -> Iterator[str]:
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS_PER_S
    end = begin + int(timedelta(days=1).total_seconds()) * NS_PER_S
    asked = (
        select(decisions.c.verdict, func.count())
        .where(decisions.c.ts_ns >= begin, decisions.c.ts_ns < end)
        .group_by(decisions.c.verdict)
    )
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in connection.execute(asked)) or "none"
    yield f"Decisions: {verdicts}"
    closed = select(outcomes).where(outcomes.c.closed_at >= begin, outcomes.c.closed_at < end)
    for currency, pnls in _by_currency(connection.execute(closed)).items():
        won = sum(pnl > 0 for pnl in pnls)
        yield f"Closed: {len(pnls)}, {won} with a gain, {sum(pnls):+,.2f} {currency} after fees"
    for portfolio in connection.execute(select(equity.c.portfolio).distinct()).scalars().all():
        newest = (
            select(equity)
            .where(equity.c.portfolio == portfolio, equity.c.ts_ns < end)
            .order_by(equity.c.ts_ns.desc(), equity.c.id.desc())
            .limit(1)
        )
        row = connection.execute(newest).one_or_none()
        if row is not None:
            yield f"Equity of {portfolio} at the end: {row.equity:,.2f} {row.currency}"


def _by_currency(rows: Iterable[Row[Any]]) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for row in rows:
        found.setdefault(row.currency, []).append(row.pnl)
    return found
