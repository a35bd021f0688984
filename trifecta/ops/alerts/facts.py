"""What the rules judge, read from where it stands: recorders' reports, the sidecar, the ledger, the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger
from sqlalchemy import Connection, and_, exists, select
from sqlalchemy.exc import SQLAlchemyError

from trifecta.capture.heartbeat import is_collecting
from trifecta.clock import NS_PER_S, Clock
from trifecta.decide import halt
from trifecta.decide.halt import Halt
from trifecta.decide.risk import Rule
from trifecta.ops import flow_reports, parts, processes
from trifecta.ops.feeds import Feed, feeds
from trifecta.settings import Settings
from trifecta.trade import report
from trifecta.trade.report import Report
from warehouse.errors import WarehouseError
from warehouse.ledger import Ledger, decisions, model_events, models, orders

LIMITS = frozenset(
    {
        Rule.COOLDOWN,
        Rule.DAILY_LOSS,
        Rule.DAILY_TRADES,
        Rule.DRAWDOWN,
        Rule.POSITION,
        Rule.ASSET,
        Rule.VENUE,
        Rule.RATE,
    }
)
"""Refusals that a person should hear of; the others are the daily business of a risk gate."""
WELL = ("", "Completed")
PROVEN_S = 120.0
"""For so long a run must go on whose predecessor failed: one that fails over and over is never well in between."""
REFUSED_WITHIN_S = 900.0
"""A limit counts as hit for so long after it last refused."""


@dataclass(frozen=True)
class UnknownOrder:
    """An order that was sent and of which nothing is known since."""

    client_order_id: str
    venue: str
    symbol: str
    age_s: float


@dataclass(frozen=True)
class Refusal:
    """A limit that lately kept a portfolio from trading."""

    portfolio: str
    rule: str
    reason: str


@dataclass(frozen=True)
class Dethroned:
    """A market that lost its model: its last champion went and none came."""

    market: str
    reason: str


Health = dict[str, Any] | None
"""The sidecar's answer; None where it gives none."""


@dataclass(frozen=True)
class Facts:
    """The system as it is now."""

    now_ns: int
    collecting: bool = True
    expected: tuple[str, ...] = ()
    """Sources that should be recorded."""
    feeds: tuple[Feed, ...] = ()
    health: Health = None
    free_bytes: int | None = None
    failed: dict[str, str] = field(default_factory=dict)
    """Flows whose newest run did not complete, and how it ended."""
    ledger_problem: str = ""
    halted: Halt | None = None
    """How the halt switch was turned on; None where it is off."""
    unknown: tuple[UnknownOrder, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    dethroned: tuple[Dethroned, ...] = ()
    trader: Report | None = None
    """What the trader last said of itself."""
    drifted: dict[str, str] = field(default_factory=dict)
    """Champions whose inputs moved away from what they were trained on, and how far, as `evaluate` last found."""


def read(
    settings: Settings, clock: Clock, ledger: Ledger | None, ask: Callable[[Settings], Health] | None = None
) -> Facts:
    """The facts of now; a part that cannot be read says so instead of stopping the rest.

    Args:
        ask: how the sidecar is asked for its health; by default with a connection of its own.
    """
    found = Facts(
        clock.now_ns(),
        collecting=is_collecting(settings.run_dir),
        expected=tuple(settings.source(name) for name, venue in settings.venues.items() if venue.enabled),
        feeds=feeds(settings, clock),
        health=(ask or _health)(settings),
        failed=failed_flows(settings.run_dir, clock.now_ns()),
        drifted=_drifted(settings.run_dir),
        trader=report.last(settings.run_dir),
        free_bytes=shutil.disk_usage(settings.data_dir).free if settings.data_dir.exists() else None,
    )
    try:
        with _reading(ledger) as connection:
            return found if connection is None else _of_ledger(found, connection, settings.alerts.order_unknown_s)
    except (SQLAlchemyError, WarehouseError) as error:
        logger.warning("the ledger cannot be read: {}", error)
        return replace(found, ledger_problem=f"{type(error).__name__}: {str(error).splitlines()[0]}")


@contextmanager
def _reading(ledger: Ledger | None) -> Iterator[Connection | None]:
    if ledger is None or ledger.revision() is None:
        yield None
        return
    with ledger.read() as connection:
        yield connection


def failed_flows(run_dir: Path, now_ns: int) -> dict[str, str]:
    """Flows whose newest run did not complete, and how it ended; of one that was begun anew, until it is proven."""
    living, found = processes.living(run_dir), {}
    for told in flow_reports.read_all(run_dir):
        if told.last == flow_reports.RUNNING:
            lives = any(name.startswith(f"{told.flow}-") for name in living)
            if not lives and parts.WORKER in living:  # which is there to run it again
                found[told.flow] = "killed"
            elif told.before not in WELL and now_ns - told.began_ns < PROVEN_S * NS_PER_S:
                found[told.flow] = told.before
        elif told.last not in WELL:
            found[told.flow] = told.last
    return found


def _drifted(run_dir: Path) -> dict[str, str]:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((run_dir / "drift.json").read_bytes(), type=dict[str, str])
    return {}


def _health(settings: Settings) -> Health:
    answer = parts.ask_sidecar(settings, "/health")
    try:
        return None if answer is None else dict(json.loads(answer.body))
    except ValueError:
        return None


def _of_ledger(found: Facts, connection: Connection, unknown_s: float) -> Facts:
    switch = halt.state(connection)
    return replace(
        found,
        halted=switch if switch.halted else None,
        unknown=_unknown(connection, found.now_ns, unknown_s),
        refusals=_refusals(connection, found.now_ns),
        dethroned=_dethroned(connection),
    )


def _unknown(connection: Connection, now_ns: int, unknown_s: float) -> tuple[UnknownOrder, ...]:
    """Orders that left this program and whose fate no answer told."""
    before = now_ns - int(unknown_s * NS_PER_S)
    asked = select(orders.c.client_order_id, orders.c.venue, orders.c.symbol, orders.c.sent_at).where(
        orders.c.status == "PENDING", orders.c.sent_at.is_not(None), orders.c.sent_at <= before
    )
    return tuple(
        UnknownOrder(row.client_order_id, row.venue, row.symbol, (now_ns - row.sent_at) / NS_PER_S)
        for row in connection.execute(asked)
    )


def _refusals(connection: Connection, now_ns: int) -> tuple[Refusal, ...]:
    """The newest refusal of each portfolio and limit."""
    since = now_ns - int(REFUSED_WITHIN_S * NS_PER_S)
    asked = (
        select(decisions.c.portfolio, decisions.c.reason)
        .where(decisions.c.ts_ns >= since, decisions.c.verdict == "refused")
        .order_by(decisions.c.ts_ns)
    )
    newest = {}
    for row in connection.execute(asked):
        rule, _, reason = row.reason.partition(": ")
        if rule in LIMITS:
            newest[row.portfolio, rule] = Refusal(row.portfolio, rule, reason)
    return tuple(newest.values())


def _dethroned(connection: Connection) -> tuple[Dethroned, ...]:
    """Markets without a champion that had one, and why the last went."""
    key = ("target", "venue", "symbol", "horizon_s")
    present, gone = models.alias("present"), models.alias("gone")
    reigns = exists().where(and_(*(present.c[name] == gone.c[name] for name in key), present.c.status == "champion"))
    lost = (
        select(model_events.c.reason, *(gone.c[name] for name in key))
        .join(gone, gone.c.version == model_events.c.version)
        .where(model_events.c.from_status == "champion", ~reigns)
        .order_by(model_events.c.id)
    )
    newest = {}
    for row in connection.execute(lost):
        market = f"{row.target} {row.symbol} {row.venue} {row.horizon_s} s"
        newest[market] = Dethroned(market, row.reason or "no reason was given")
    return tuple(newest.values())
