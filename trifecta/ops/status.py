"""What the running system looks like from outside: processes, feeds, the sidecar's health, the lake."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from trifecta.clock import NS_PER_S, Clock
from trifecta.ops import parts, processes
from trifecta.ops.alerts import watch
from trifecta.ops.alerts.facts import failed_flows
from trifecta.ops.feeds import Feed, feeds
from trifecta.settings import Market, Settings
from trifecta.trade import report
from warehouse import Lake, session
from warehouse.contents import GAP_IN_WORDS, counts
from warehouse.errors import WarehouseError
from warehouse.lake import local_path
from warehouse.ledger import Ledger, equity

_GAPS = f"select {GAP_IN_WORDS}, count(*) from gaps group by 1 order by 1"  # noqa: S608


@dataclass(frozen=True)
class Status:
    """Everything `trifecta status` shows."""

    market: str
    simulated: bool
    running: bool
    processes: dict[str, int]
    feeds: tuple[Feed, ...]
    health: dict[str, Any]
    lake: tuple[dict[str, Any], ...]
    gaps: dict[str, int]
    """How many gaps stand in the lake, by what is missing and whether it was fetched again."""
    halted: str | None = None
    """Why trading is halted; None while it is not, or nobody can tell."""
    alerts: tuple[str, ...] = ()
    """What is wrong, as the watch last saw it."""
    trading: report.Report | None = None
    """What the trader says of itself; None where none speaks."""
    flows: dict[str, str] = field(default_factory=dict)
    """Flows whose newest run did not complete, and how it ended."""
    ranges: tuple[str, ...] = ()
    """Who tells the range of each instrument and horizon: model, baseline or fallback."""
    equity: tuple[str, ...] = ()
    """What each portfolio is worth, and what it earned."""


def read(settings: Settings, clock: Clock, *, before: Status | None = None) -> Status:
    """The state of the system on this data folder, running or not; what the lake holds as `before` says, if given."""
    alive = {name: process.pid for name, process in processes.living(settings.run_dir).items()}
    lake, gaps = _lake(settings) if before is None else (before.lake, before.gaps)
    return Status(
        market=settings.market.value,
        simulated=settings.market is not Market.LIVE,
        running="supervisor" in alive,
        processes=alive,
        feeds=feeds(settings, clock),
        health=_health(settings),
        lake=lake,
        gaps=gaps,
        halted=_halted(settings),
        trading=report.read(settings.run_dir, clock.now_ns()),
        flows=failed_flows(settings.run_dir, clock.now_ns()),
        ranges=tuple(str(one["source"]) for one in _asked(settings, "/model/status").get("serving", [])),
        equity=_equity(settings),
        alerts=tuple(
            f"{one.rule} {one.subject}: {one.text}" for one in watch.load(settings.run_dir).active if one.told
        ),
    )


def _halted(settings: Settings) -> str | None:
    told = _asked(settings, "/halt")
    return str(told["reason"]) if told.get("halted") else None


def _asked(settings: Settings, path: str) -> dict[str, Any]:
    """The sidecar's answer; empty where it gives none."""
    answer = parts.ask_sidecar(settings, path)
    try:
        return dict(json.loads(answer.body)) if answer is not None and answer.ok else {}
    except ValueError:
        return {}


def _health(settings: Settings) -> dict[str, Any]:
    answer = parts.ask_sidecar(settings, "/health")
    if answer is None:
        return {"status": "no answer", "url": parts.api_url(settings)}
    try:
        return {"code": answer.status} | dict(json.loads(answer.body))
    except ValueError:
        return {"code": answer.status, "status": answer.body.decode(errors="replace")}


def _lake(settings: Settings) -> tuple[tuple[dict[str, Any], ...], dict[str, int]]:
    folder = local_path(settings.lake)
    if folder is not None and not folder.exists():
        return (), {}
    with session(Lake(settings.lake)) as connection:
        gaps = connection.execute(_GAPS).fetchall()
        return tuple(row._asdict() for row in counts(connection)), {str(name): int(count) for name, count in gaps}


def _equity(settings: Settings) -> tuple[str, ...]:
    """What each portfolio was worth when it was last valued, and when, UTC."""
    try:
        with Ledger(settings.ledger) as ledger:
            if ledger.revision() is None:
                return ()
            newest = select(func.max(equity.c.id)).group_by(equity.c.portfolio)
            asked = select(equity).where(equity.c.id.in_(newest)).order_by(equity.c.portfolio)
            with ledger.read() as connection:
                return tuple(
                    f"{row.portfolio} {row.equity:,.2f} {row.currency} ({row.equity - row.capital:+,.2f}) "
                    f"at {datetime.fromtimestamp(row.ts_ns // NS_PER_S, UTC):%H:%M:%S}"
                    for row in connection.execute(asked)
                )
    except (SQLAlchemyError, WarehouseError) as error:
        return (f"the ledger cannot be read ({type(error).__name__})",)
