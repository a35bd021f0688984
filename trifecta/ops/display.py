"""What a person sees of the system on a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from rich.align import Align
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trifecta.ops.child import Child, State
from trifecta.ops.feeds import Feed

if TYPE_CHECKING:  # importing it would bring the warehouse
    from trifecta.ops.status import Status
    from trifecta.trade.report import Report

STYLES = {State.READY: "green", State.DEAD: "red"}
SIMULATED = Panel(Align.center(Text("S I M U L A T E D   M A R K E T", style="bold")), style="black on yellow")


@dataclass(frozen=True)
class View:
    """What is shown of the system now."""

    elapsed_s: float
    children: tuple[Child, ...]
    warnings: tuple[str, ...]
    range: dict[str, Any] | None
    reason: str
    """Why no range is served, in the sidecar's words."""


def live(view: View, feeds: tuple[Feed, ...], *, simulated: bool) -> RenderableType:
    """The running system: its parts, its feeds, the range."""
    shown: list[RenderableType] = [SIMULATED] if simulated else []
    shown += [_parts(view), feeds_table(feeds), _range(view)]
    shown += [Text(f"warning: {warning}", style="yellow") for warning in view.warnings]
    shown.append(Text("Ctrl-C stops everything", style="dim"))
    return Group(*shown)


def of_status(status: Status) -> RenderableType:
    """What `trifecta status` shows."""
    shown: list[RenderableType] = [SIMULATED] if status.simulated and status.running else []
    running = ", ".join(f"{name} ({pid})" for name, pid in status.processes.items())
    shown.append(Text(f"running: {running}" if running else "not running: `trifecta up` starts it"))
    if status.halted is not None:
        shown.append(Text(f"TRADING IS HALTED: {status.halted}", style="bold red"))
    if status.trading is not None:
        shown.append(_trading(status.trading))
    shown += [Text(f"alert: {alert}", style="red") for alert in status.alerts]
    shown += [
        Text(f"flow {name}: its newest run ended {how.lower()}", style="red") for name, how in status.flows.items()
    ]
    shown += [feeds_table(status.feeds), Text(_sidecar(status.health))]
    if status.ranges:
        models = sum(source == "model" for source in status.ranges)
        shown.append(Text(f"ranges: {models} of {len(status.ranges)} told by a model"))
    shown.append(Text(f"gaps: {_pairs(status.gaps) or 'none'}"))
    shown.append(Text(f"equity: {' · '.join(status.equity) or 'nothing booked yet'}"))
    shown.append(_lake(status))
    return Group(*shown)


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


def feeds_table(feeds: tuple[Feed, ...]) -> Table:
    """One line a source."""
    table = Table(box=None, pad_edge=False, title_justify="left")
    for column in ("feed", "state", "frames", "per s", "reconnects", "open gaps", "quarantined"):
        table.add_column(column, justify="left" if column in ("feed", "state") else "right")
    for feed in feeds:
        state, style = _feed_state(feed)
        numbers = ("frames", "frames_per_s", "reconnects", "gaps_open", "quarantined")
        cells = [_number(feed.report.get(name)) for name in numbers]
        table.add_row(feed.source, Text(state, style=style), *cells)
        if problem := str(feed.report.get("problem", "")):
            table.add_row("", Text(problem, style="red"))
    return table


def _feed_state(feed: Feed) -> tuple[str, str]:
    if not feed.alive:
        return f"silent for {feed.age_s:.0f} s", "red"
    if not feed.report.get("collecting", True):
        return "paused", "yellow"
    return ("connected", "green") if feed.report.get("connected") else ("connecting", "yellow")


def _parts(view: View) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("part", "state", "where"):
        table.add_column(column)
    for child in view.children:
        table.add_row(child.part.name, Text(child.state, style=STYLES.get(child.state, "yellow")), child.part.url)
    return table


def _range(view: View) -> Text:
    if view.range is None:
        return Text(f"no range yet after {view.elapsed_s:.0f} s: {view.reason}", style="yellow")
    return Text(f"range: {_pairs(view.range)}", style="bold")


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
    reasons = "; ".join(health.get("reasons", [])) or health.get("url", "")
    return f"sidecar: {health.get('status', 'no answer')}" + (f" · {reasons}" if reasons else "")


def _pairs(values: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in values.items())


def summary(result: object) -> RenderableType:
    """The fields of a result, one a line; of a result of several, one block each."""
    fields = msgspec.to_builtins(result, enc_hook=str)
    lists = [value for value in fields.values() if isinstance(value, list | tuple)]
    if len(fields) == 1 and lists:
        return Group(*(_fields(item) for item in lists[0]))
    return _fields(fields)


def _fields(values: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in values.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if type(value) is int else str(value))
    return table


def _number(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"
