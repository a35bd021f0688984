"""`trifecta status` on a terminal: the state once, or as it goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trifecta.clock import Clock
from trifecta.ops.display import SIMULATED, feeds_table, pairs
from trifecta.ops.status import Status, read
from trifecta.settings import Settings
from trifecta.trade.report import Report

REFRESH_S = 1.0
COUNT_S = 15.0
MOST_REASONS = 3


def follow(settings: Settings, clock: Clock, console: Console) -> Status:
    """Shows the state until Ctrl-C, and returns the last one; the lake is counted now and then."""
    found = read(settings, clock)
    counted_s = clock.monotonic_s()
    with Live(shown(found), console=console, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            time.sleep(REFRESH_S)
            stale = clock.monotonic_s() - counted_s > COUNT_S
            found = read(settings, clock, before=None if stale else found)
            counted_s = clock.monotonic_s() if stale else counted_s
            live.update(shown(found), refresh=True)
    return found


def shown(status: Status) -> RenderableType:
    """What `trifecta status` shows."""
    lines: list[RenderableType] = [SIMULATED] if status.simulated else []
    running = ", ".join(f"{name} ({pid})" for name, pid in status.processes.items())
    lines.append(Text(f"running: {running}" if running else "not running: `trifecta up` starts it"))
    if status.halted is not None:
        lines.append(Text(f"TRADING IS HALTED: {status.halted}", style="bold red"))
    if status.trading is not None:
        lines.append(_trading(status.trading))
    lines += [Text(f"alert: {alert}", style="red") for alert in status.alerts]
    lines += [
        Text(f"flow {name}: its newest run ended {how.lower()}", style="red") for name, how in status.flows.items()
    ]
    lines += [feeds_table(status.feeds), Text(_sidecar(status.health))]
    if status.ranges:
        models = sum(source == "model" for source in status.ranges)
        lines.append(Text(f"ranges: {models} of {len(status.ranges)} told by a model"))
    lines.append(Text(f"gaps: {pairs(status.gaps) or 'none'}"))
    lines.append(Text(f"equity: {' · '.join(status.equity) or 'nothing booked yet'}"))
    lines.append(_lake(status))
    return Group(*lines)


def _trading(told: Report) -> Text:
    """Who trades, with what, and what a person must know of."""
    decided = ", ".join(f"{count} {verdict}" for verdict, count in sorted(told.verdicts.items())) or "none yet"
    by_rule = "on" if told.auto else "off"
    line = (
        f"trading: {told.portfolio} · equity {told.equity:,.2f} {told.currency} ({told.pnl:+,.2f}) · "
        f"{told.open_trades} open, {told.through} through · decided: {decided} · by rule: {by_rule}"
    )
    text = Text(f"{line} · {told.label}" if told.label else line)
    for alarm in told.alarms:
        text.append(f"\nALARM: {alarm}", style="bold red")
    return text


def _lake(status: Status) -> Table:
    """One line a table; `--json` tells each instrument."""
    table = Table(box=None, pad_edge=False)
    for column in ("table", "instruments", "rows", "last"):
        table.add_column(column, justify="right" if column in ("instruments", "rows") else "left")
    for name in dict.fromkeys(row["table"] for row in status.lake):
        rows = [row for row in status.lake if row["table"] == name]
        last = max((str(row["last"]) for row in rows if row["last"] is not None), default="")
        table.add_row(name, f"{len(rows):,}", f"{sum(row['rows'] for row in rows):,}", last[:19])
    return table


def _sidecar(health: dict[str, Any]) -> str:
    """The sidecar's state and why, in a line."""
    known = health.get("reasons", [])
    more = [f"{len(known) - MOST_REASONS} more"] if len(known) > MOST_REASONS else []
    reasons = "; ".join([*known[:MOST_REASONS], *more]) or health.get("url", "")
    return f"sidecar: {health.get('status', 'no answer')}" + (f" · {reasons}" if reasons else "")
