"""What a portfolio earned, from the ledger: by engine, venue and day, its course, and ratios where days suffice.

Realised P&L and fees are the sums of cash entries, so they add up to what the ledger says whatever order things were
booked in. A day's unrealised P&L is what its positions gained or lost at mark on that day. A trade is a decision whose
orders are done and whose positions are flat; its P&L is after fees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from trifecta.clock import NS_PER_S
from trifecta.decide.portfolio import Valuation, Worth, value
from trifecta.market.money import ZERO
from trifecta.trade.course import Course, course_of
from trifecta.trade.fills import label
from warehouse.ledger import balances, decisions, entries, outcomes, postings

SIMULATED = "SIMULATED"
_BOOKED = (
    select(
        postings.c.decision_id, postings.c.engine, postings.c.ts_ns, entries.c.venue, entries.c.account,
        entries.c.currency, entries.c.amount,
    )
    .join_from(entries, postings, entries.c.posting_id == postings.c.id)
    .where(entries.c.account.in_(("realised", "fees")))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trades:
    """What came of trades; each figure is None where there is nothing to make it of."""

    count: int
    won: int
    lost: int
    win_rate: float | None
    profit_factor: float | None
    """All gains over all losses; None without a loss."""
    average_win: Decimal | None
    average_loss: Decimal | None


@dataclass(frozen=True, slots=True)
class Group:
    """What one engine, venue or day earned, in the reporting currency; fees below zero were paid."""

    name: str
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    trades: Trades
    label: str = ""
    """Must stand beside its P&L: how its fills were made, or that its market is simulated."""

    @property
    def pnl(self) -> Decimal:
        return self.realised + self.unrealised + self.fees

    @property
    def mark(self) -> str:
        """The label's first words, where there is little room."""
        return " ".join(part.partition(":")[0] for part in self.label.split("; "))


@dataclass(frozen=True, slots=True)
class Performance:
    """One portfolio at `ts_ns`; days end at midnight in `zone`."""

    portfolio: str
    currency: str
    zone: str
    ts_ns: int
    worth: Worth
    trades: Trades
    engines: tuple[Group, ...]
    venues: tuple[Group, ...]
    days: tuple[Group, ...]
    course: Course
    labels: tuple[str, ...]
    """What must stand above all of it: SIMULATED, and how fills were made that no market made."""


@dataclass(slots=True)
class _Sum:
    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    fees: Decimal = ZERO
    pnls: list[Decimal] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Booking:
    """One entry in the reporting currency; a gain is above zero."""

    decision: str | None
    engine: str
    venue: str
    day: str
    account: str
    amount: Decimal


def portfolios(connection: Connection) -> list[str]:
    """Every portfolio that something was booked in."""
    return [
        str(name)
        for name in connection.execute(select(balances.c.portfolio).distinct().order_by("portfolio")).scalars()
    ]


def of(connection: Connection, portfolio: str, currency: str, zone: str, now_ns: int) -> Performance:
    """The portfolio as it stands in this transaction.

    Raises:
        IdentityError: the ledger does not add up.
        UnknownRateError: no mark of a position, or no rate of a currency.
    """
    valuation = value(connection, portfolio)
    day_of = _days(zone)
    booked = _bookings(connection, portfolio, valuation, day_of)
    closed = _closed(connection, portfolio)
    models = _models(connection, portfolio)
    by_engine = _sums(booked, lambda one: one.engine, models)
    by_venue = _sums(booked, lambda one: one.venue, models)
    by_day = _sums(booked, lambda one: one.day, models)
    for held in valuation.positions:
        gain = valuation.convert(held.value - held.cost, held.quote)
        for summed in (by_engine[held.engine], by_venue[held.venue]):
            summed.unrealised += gain
            summed.labels.add(_of_market(held.venue))
    for decision, (engine, closed_ns, pnl) in closed.items():
        by_engine[engine].pnls.append(pnl)
        by_day[day_of(closed_ns)].pnls.append(pnl)
        by_day[day_of(closed_ns)].labels.add(label(models.get(decision, "market")))
    for (_, venue), pnl in _at_venues(booked, closed).items():
        by_venue[venue].pnls.append(pnl)
    course = course_of(connection, portfolio, zone, now_ns)
    if course.pnl:
        _marked(by_day, {**course.pnl, day_of(now_ns): valuation.worth.pnl}, _labels(by_engine.values()))
    every = _labels((*by_engine.values(), *by_venue.values()))
    return Performance(
        portfolio=portfolio,
        currency=currency,
        zone=zone,
        ts_ns=now_ns,
        worth=valuation.worth,
        trades=trades_of([pnl for _, _, pnl in closed.values()]),
        engines=_groups(by_engine),
        venues=_groups(by_venue),
        days=_groups(by_day),
        course=course,
        labels=tuple(sorted(every)),
    )


def trades_of(pnls: Sequence[Decimal]) -> Trades:
    """What came of trades with these P&Ls; one that made exactly nothing is neither won nor lost."""
    won, lost = [pnl for pnl in pnls if pnl > 0], [pnl for pnl in pnls if pnl < 0]
    gains, losses = sum(won, ZERO), -sum(lost, ZERO)
    return Trades(
        count=len(pnls),
        won=len(won),
        lost=len(lost),
        win_rate=len(won) / len(pnls) if pnls else None,
        profit_factor=float(gains / losses) if losses else None,
        average_win=gains / len(won) if won else None,
        average_loss=-losses / len(lost) if lost else None,
    )


def _labels(sums: Iterable[_Sum]) -> set[str]:
    return {mark for summed in sums for mark in summed.labels if mark}


def _marked(by_day: defaultdict[str, _Sum], pnl: Mapping[str, Decimal], labels: set[str]) -> None:
    """Gives each day what its positions gained or lost at mark, so that the days' P&L add up to the whole."""
    before = ZERO
    for day in sorted({*by_day, *pnl}):
        booked = by_day[day].realised + by_day[day].fees if day in by_day else ZERO
        now = pnl.get(day, before + booked)
        if unrealised := now - before - booked:
            by_day[day].unrealised = unrealised
            by_day[day].labels |= labels
        before = now


def _bookings(
    connection: Connection, portfolio: str, valuation: Valuation, day_of: Callable[[int], str]
) -> list[_Booking]:
    rows = connection.execute(_BOOKED.where(postings.c.portfolio == portfolio)).all()
    return [
        _Booking(row.decision_id, row.engine, row.venue, day_of(row.ts_ns), row.account,
                 -valuation.convert(row.amount, row.currency))
        for row in rows
    ]  # fmt: skip


def _closed(connection: Connection, portfolio: str) -> dict[str, tuple[str, int, Decimal]]:
    """(engine, time, P&L) of every trade."""
    asked = select(outcomes).where(outcomes.c.portfolio == portfolio)
    return {row.decision_id: (row.engine, row.closed_at, row.pnl) for row in connection.execute(asked)}


def _models(connection: Connection, portfolio: str) -> dict[str, str]:
    asked = select(decisions.c.id, decisions.c.fill_model).where(decisions.c.portfolio == portfolio)
    return {str(row.id): str(row.fill_model) for row in connection.execute(asked)}


def _sums(
    booked: Iterable[_Booking], key: Callable[[_Booking], str], models: Mapping[str, str]
) -> defaultdict[str, _Sum]:
    found: defaultdict[str, _Sum] = defaultdict(_Sum)
    for one in booked:
        summed = found[key(one)]
        if one.account == "fees":
            summed.fees += one.amount
        else:
            summed.realised += one.amount
        summed.labels.add(_of_market(one.venue))
        if one.decision is not None:
            summed.labels.add(label(models.get(one.decision, "market")))
    return found


def _of_market(venue: str) -> str:
    """What must stand beside P&L that was made there."""
    return SIMULATED if venue.startswith("sim_") else ""


def _at_venues(booked: Iterable[_Booking], closed: Mapping[str, object]) -> dict[tuple[str, str], Decimal]:
    """What each trade made at each of its venues."""
    found: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in booked:
        if one.decision in closed:
            found[str(one.decision), one.venue] += one.amount
    return found


def _groups(sums: Mapping[str, _Sum]) -> tuple[Group, ...]:
    return tuple(
        Group(name, one.realised, one.unrealised, one.fees, trades_of(one.pnls), "; ".join(sorted(one.labels - {""})))
        for name, one in sorted(sums.items())
    )


def _days(zone: str) -> Callable[[int], str]:
    """Names of days, like 2026-11-28."""
    known = ZoneInfo(zone)
    return lambda ts_ns: datetime.fromtimestamp(ts_ns // NS_PER_S, UTC).astimezone(known).date().isoformat()
