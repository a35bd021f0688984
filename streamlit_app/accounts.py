"""What the dashboard reads of the ledger: money as numbers to draw, times as UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Select, Table, desc, func, select
from sqlalchemy.exc import SQLAlchemyError

from streamlit_app.reading import settings
from trifecta.clock import SystemClock
from trifecta.decide import exposure
from trifecta.decide.exposure import Exposure
from trifecta.decide.portfolio import value
from trifecta.errors import PermanentError
from trifecta.trade import performance
from trifecta.trade.performance import Performance
from warehouse.errors import WarehouseError
from warehouse.ledger import (
    Ledger,
    decision_stages,
    decisions,
    equity,
    fills,
    halts,
    model_events,
    models,
    orders,
    outcomes,
    positions,
    risk_state,
)

MOST_POINTS = 2_000
MOST_ROWS = 500
FRESH_S = 5.0
_TIMES = {"ts_ns", "closed_at", "ts_event", "ts_booked", "intended_at", "sent_at", "done_at", "updated_at"}
_TIMES |= {"created_at", "promoted_at", "retired_at", "cooldown_until", "opened_at"}


@st.cache_resource
def ledger() -> Ledger:
    """The ledger of these settings."""
    return Ledger(settings().ledger)


def rows(asked: Select[Any]) -> pd.DataFrame:
    """What the ledger answers; empty columns where nothing was ever booked.

    Raises:
        LedgerAwayError: it cannot be read.
    """
    names = [column.key for column in asked.selected_columns]
    try:
        if ledger().revision() is None:
            return pd.DataFrame(columns=names)
        with ledger().read() as connection:
            found = pd.DataFrame(connection.execute(asked).fetchall(), columns=names)
    except (SQLAlchemyError, WarehouseError) as error:
        raise LedgerAwayError(f"the ledger cannot be read ({type(error).__name__})") from error
    for name in names:
        if name in _TIMES:
            found[name] = pd.to_datetime(found[name])
        elif found[name].map(type).astype(str).str.contains("Decimal").any():
            found[name] = found[name].astype(float)
    return found


class LedgerAwayError(Exception):
    """The ledger cannot be read now."""


def portfolios() -> list[str]:
    """Every portfolio that something was booked in."""
    return [str(name) for name in rows(select(equity.c.portfolio).distinct().order_by(equity.c.portfolio))["portfolio"]]


def equity_of(portfolio: str) -> pd.DataFrame:
    """The portfolio's worth over time, thinned to what a screen can show."""
    count = rows(select(func.count().label("n")).where(equity.c.portfolio == portfolio))["n"]
    step = max(int(count.iloc[0]) // MOST_POINTS, 1) if len(count) else 1
    asked = select(equity).where(equity.c.portfolio == portfolio)
    if step > 1:
        newest = select(func.max(equity.c.id)).where(equity.c.portfolio == portfolio).scalar_subquery()
        asked = asked.where((equity.c.id % step == 0) | (equity.c.id == newest))
    return rows(asked.order_by(equity.c.ts_ns, equity.c.id))


def newest_of(table: Table, portfolio: str, *, order: str, most: int = MOST_ROWS) -> pd.DataFrame:
    """The newest rows of one portfolio."""
    return rows(select(table).where(table.c.portfolio == portfolio).order_by(desc(table.c[order])).limit(most))


def closed_of(portfolio: str) -> pd.DataFrame:
    """What closed decisions earned, the newest first."""
    own = select(outcomes.c.closed_at, outcomes.c.pnl).join(decisions, decisions.c.id == outcomes.c.decision_id)
    newest = own.where(decisions.c.portfolio == portfolio).order_by(desc(outcomes.c.closed_at))
    return rows(newest.limit(MOST_ROWS))


def trades_of(portfolio: str, *, approved: bool = False) -> pd.DataFrame:
    """Decisions with what they earned, newest first; pnl is empty while something of them is open.

    Args:
        approved: leaves out what was refused or skipped.
    """
    asked = (
        select(
            decisions.c.ts_ns,
            decisions.c.engine,
            decisions.c.verdict,
            decisions.c.reason,
            outcomes.c.pnl,
            outcomes.c.fees,
            outcomes.c.currency,
            outcomes.c.closed_at,
            decisions.c.fill_model,
            decisions.c.trigger,
            decisions.c.mode,
            decisions.c.opportunity_id,
            decisions.c.id,
        )
        .outerjoin(outcomes, outcomes.c.decision_id == decisions.c.id)
        .where(decisions.c.portfolio == portfolio)
        .order_by(desc(decisions.c.ts_ns))
        .limit(MOST_ROWS)
    )
    return rows(asked.where(decisions.c.verdict == "approved") if approved else asked)


def behind(decision: str) -> dict[str, pd.DataFrame]:
    """All that is known of one decision: its record, its stages, its orders and fills."""
    own_orders = select(orders.c.client_order_id).where(orders.c.decision_id == decision)
    return {
        "decision": rows(select(decisions).where(decisions.c.id == decision)),
        "stages": rows(
            select(decision_stages).where(decision_stages.c.decision_id == decision).order_by(decision_stages.c.seq)
        ),
        "orders": rows(select(orders).where(orders.c.decision_id == decision).order_by(orders.c.intended_at)),
        "fills": rows(select(fills).where(fills.c.client_order_id.in_(own_orders)).order_by(fills.c.id)),
    }


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def performance_of(portfolio: str) -> Performance:
    """What the portfolio earned, by the same computation as `trifecta report`; a few seconds old at most.

    Raises:
        LedgerAwayError: the ledger cannot be read, or does not add up.
    """
    terms = settings().trade.reporting_currency, settings().risk.timezone, SystemClock().now_ns()
    with _adding_up() as connection:
        return performance.of(connection, portfolio, *terms)


@st.cache_data(ttl=FRESH_S, show_spinner=False)
def exposure_of(portfolio: str) -> Exposure:
    """What the portfolio is exposed to, as risk measures it; a few seconds old at most.

    Raises:
        LedgerAwayError: the ledger cannot be read, or does not add up.
    """
    with _adding_up() as connection:
        return exposure.held(connection, portfolio, value(connection, portfolio))


@contextmanager
def _adding_up() -> Iterator[Connection]:
    """The ledger, whose sums are computed."""
    try:
        with ledger().read() as connection:
            yield connection
    except (SQLAlchemyError, WarehouseError) as error:
        raise LedgerAwayError(f"the ledger cannot be read ({type(error).__name__})") from error
    except PermanentError as error:
        raise LedgerAwayError(str(error)) from error


def risk_of(portfolio: str) -> pd.DataFrame:
    """What the limits are measured against."""
    return rows(select(risk_state).where(risk_state.c.portfolio == portfolio))


def positions_of(portfolio: str) -> pd.DataFrame:
    """Open positions."""
    return rows(select(positions).where(positions.c.portfolio == portfolio, positions.c.qty != 0))


def halts_lately(most: int = 50) -> pd.DataFrame:
    """How the halt switch was turned, newest first."""
    return rows(select(halts).order_by(desc(halts.c.id)).limit(most))


def model_versions() -> pd.DataFrame:
    """Every version, newest first."""
    return rows(select(models).order_by(desc(models.c.created_at)).limit(MOST_ROWS))


def history_of(versions: Sequence[str]) -> pd.DataFrame:
    """What became of these versions."""
    return rows(select(model_events).where(model_events.c.version.in_(versions)).order_by(desc(model_events.c.id)))
