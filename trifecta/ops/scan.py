"""What the scanners of the running system see; where none runs, those of a market started for this look."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trifecta import bus
from trifecta.clock import SystemClock
from trifecta.errors import TransientError
from trifecta.ops import parts, processes
from trifecta.ops.signals import stop_event
from trifecta.scan.running import Scanning
from trifecta.scan.snapshot import Snapshot, documented
from trifecta.settings import Market, Settings

WAIT_S = 90.0
"""How long a market of our own may take until every venue is quoted."""
LOOK_S = 5.0
"""How long it is looked at then."""
CYCLE_S = 0.5
POLL_S = 1.0
STYLES = {"EXECUTE": "bold green", "CONSIDER": "yellow", "SKIP": "dim"}
WIDE = 110
"""Columns of a terminal that shows everything."""
WIDE_ONLY = {"route", "strength", "risk"}
Found = dict[str, Any]


def once(settings: Settings, console: Console) -> Found:
    """What there is now.

    Raises:
        TransientError: no venue was quoted in time.
    """
    found = ask(settings)
    if found is not None:
        return found
    console.print(f"nobody scans on {settings.data_dir}: starting a SIMULATED market for this look", style="dim")
    with own_market(settings) as own:
        return documented(asyncio.run(_look(own)), own.trade.reporting_currency)


def watch(settings: Settings, console: Console) -> None:
    """Shows what there is until Ctrl-C."""
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            found = ask(settings)
            waiting = Text("no scanner answers: `trifecta up` runs them, `trifecta scan --once` looks without it")
            live.update(shown(found, console.width) if found is not None else waiting, refresh=True)
            time.sleep(POLL_S)


def ask(settings: Settings) -> Found | None:
    """What the running sidecar offers; None where it does not run or has heard no scanner."""
    answer = parts.ask_sidecar(settings, "/opportunities")
    return json.loads(answer.body) if answer is not None and answer.ok else None


@contextmanager
def own_market(settings: Settings) -> Iterator[Settings]:
    """An emulator and a recorder on free ports and in a folder of their own, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="trifecta-", ignore_cleanup_errors=True) as folder:
        own = settings.model_copy(
            update={
                "data_dir": Path(folder),
                "market": Market.SIMULATED,
                "lake_uri": "",
                "ledger_url": "",
                "emulator_port": _free_port(),
                "bus_address": f"tcp://127.0.0.1:{_free_pair()}",
            }
        )
        forwarder = threading.Thread(target=bus.forward, args=(own.bus_address,), daemon=True)
        forwarder.start()
        started = []
        try:
            for part in (parts.emulator(own, parts.Wish()), parts.recorder(own)):
                log = own.run_dir / "logs" / f"{part.name}.log"
                started.append(processes.start(part.command, log=log, env=part.environment))
            yield own
        finally:
            for process in reversed(started):
                process.terminate()
            for process in reversed(started):
                process.wait()
            zmq.Context.instance().term()
            forwarder.join()


async def _look(settings: Settings) -> Snapshot:
    """The newest snapshot some seconds after every venue was quoted."""
    newest: list[Snapshot] = []
    whole, stop = asyncio.Event(), stop_event()

    async def keep(found: Snapshot) -> None:
        newest[:] = [found]
        if _is_whole(found):
            whole.set()

    quick = settings.model_copy(update={"scan": settings.scan.model_copy(update={"cycle_s": CYCLE_S})})
    scanning = asyncio.create_task(Scanning(quick, SystemClock(), cycle=keep).run(stop))
    quoted = asyncio.create_task(whole.wait())
    await asyncio.wait({scanning, quoted}, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({scanning}, timeout=LOOK_S)
    stop.set()
    quoted.cancel()
    await scanning
    if not newest:
        raise TransientError(f"no venue was quoted within {WAIT_S:.0f} s: `trifecta up` shows what is wrong")
    return newest[0]


def _is_whole(found: Snapshot) -> bool:
    return not found.stats.missing and found.stats.markets > 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _free_pair() -> int:
    """A port whose successor is free too, as the bus needs it."""
    while True:
        port = _free_port()
        try:
            socket.create_server(("127.0.0.1", port + 1)).close()
        except OSError:
            continue
        return port


def shown(found: Found, width: int) -> RenderableType:
    """Tables for people, one an engine, for a terminal of so many columns: a narrow one shows less of each."""
    stats, narrow = found["stats"], width < WIDE
    parts_: list[RenderableType] = []
    if found["simulated"]:
        parts_.append(Panel(Text("SIMULATED MARKET", justify="center", style="bold"), style="black on yellow"))
    for title, row_of in (("arbitrage", _arbitrage), ("forex", _forex), ("binary", _binary)):
        parts_.append(_table(title.upper(), [row_of(row) for row in found[title]], narrow=narrow))
    line = f"{stats['markets']} markets · {stats['scans']} scans of {stats['scan_us']:.0f} us · {found['timestamp']}"
    parts_.append(Text(line, style="dim"))
    parts_ += [Text(f"missing: {missing}", style="yellow") for missing in stats["missing"]]
    doubted = [
        f"{venue}: {', '.join(f'{why} {count}' for why, count in reasons.items())}"
        for venue, reasons in stats["doubted"].items()
    ]
    parts_ += [Text(f"not believed: {line}", style="dim", no_wrap=narrow, overflow="ellipsis") for line in doubted]
    return Group(*parts_)


Cells = dict[str, str | Text]


def _arbitrage(row: Found) -> Cells:
    cells: Cells = {
        "route": row["route_type"],
        "asset": row["asset"],
        "buy": row["buy_exchange"] or "-",
        "sell": row["sell_exchange"] or "-",
        "spread %": f"{row['spread_percent']:.3f}",
        "profit": f"{row['expected_profit']:,.2f} {row['currency']}",
        "costs": f"{sum(cost['amount'] for cost in row['costs']):,.2f}",
    }
    return cells | _advice(row)


def _forex(row: Found) -> Cells:
    prices = {name.replace("_", " "): f"{row[name]:.5f}" for name in ("entry", "take_profit", "stop_loss")}
    return {"pair": row["pair"], "signal": row["signal"], "strength": f"{row['strength']:.0f}", **prices} | _advice(row)


def _binary(row: Found) -> Cells:
    cells: Cells = {
        "pair": row["pair"],
        "direction": row["direction"],
        "won %": f"{row['probability']:.1f}",
        "needed %": f"{100 * row['break_even']:.1f}",
        "expiry": row["expiry"],
    }
    return cells | _advice(row)


def _advice(row: Found) -> Cells:
    advice = Text(row["recommendation"], STYLES[row["recommendation"]])
    return {"risk": f"{row['risk_score']:.0f}", "advice": advice, "why": row["reason"]}


def _table(title: str, rows: list[Cells], *, narrow: bool) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, expand=True)
    if not rows:
        table.show_header = False
        table.add_row(Text("none now", style="dim"))
        return table
    shown_ = [name for name in rows[0] if not (narrow and name in WIDE_ONLY)]
    for name in shown_:
        if name == "why":  # what is left of the line
            table.add_column(name, ratio=1, no_wrap=narrow, overflow="ellipsis")
        else:
            table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(row[name] for name in shown_))
    return table
