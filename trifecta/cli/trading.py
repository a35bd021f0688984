"""Commands that look for opportunities and control trading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trifecta.cli.terminal import OK, PROBLEM, Json, app, configured, err, out, print_either


@app.command(epilog="Example: trifecta scan --once --json")
def scan(
    once: Annotated[bool, typer.Option("--once/--watch", help="One look, or a table until Ctrl-C.")] = True,
    json: Json = False,
) -> None:
    """Show what the scanners see: gaps between markets, forex and binary signals, with every cost."""
    from trifecta.ops import scan as scanning

    if not once:
        if json:
            raise typer.BadParameter("goes with --once alone", param_hint="--json")
        scanning.watch(configured(), out)
        return
    found = scanning.once(configured(), err)
    print_either(found, scanning.shown(found), json)


Why = Annotated[str, typer.Argument(help="Why; kept in the ledger and shown.")]


@app.command(epilog="Example: trifecta halt 'spread looks wrong'")
def halt(reason: Why, json: Json = False) -> None:
    """Stop every new order in every process at once, until `trifecta resume`; it survives restarts."""
    from trifecta.clock import SystemClock
    from trifecta.ops import trading

    found = trading.stop(configured(), SystemClock(), reason)
    print_either(found, f"halted by {found.actor}: {found.reason}", json)


@app.command(epilog="Example: trifecta resume 'spread was right'")
def resume(reason: Why, json: Json = False) -> None:
    """Allow orders again after a halt; the maximum drawdown counts anew from now."""
    from trifecta.clock import SystemClock
    from trifecta.ops import trading

    found = trading.resume(configured(), SystemClock(), reason)
    print_either(found, "orders are allowed", json)


@app.command(epilog="Example: trifecta audit")
def audit(json: Json = False) -> None:
    """Recompute the whole ledger from its fills and deposits, and show what does not add up."""
    from trifecta.ops import trading

    found = trading.audit(configured())
    print_either(found, "\n".join(found) or "the ledger adds up", json)
    raise typer.Exit(PROBLEM if found else OK)


@app.command(epilog="Example: trifecta report --html performance.html")
def report(
    portfolio: Annotated[str | None, typer.Option(help="One portfolio; default: every one.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a tear sheet that needs no network.", dir_okay=False)] = None,
    json: Json = False,
) -> None:
    """Show what trading earned: P&L, fees, drawdown, win rate and ratios, by engine, venue and day."""
    from trifecta.clock import SystemClock
    from trifecta.ops import earnings

    told = earnings.of(configured(), SystemClock(), portfolio)
    if html is not None:
        err.print(f"written: {earnings.write(told, html)}")
    print_either([earnings.plain(one) for one in told], earnings.shown(told), json)


agents_app = typer.Typer(no_args_is_help=True, help="Look at what the agents have learned from booked outcomes.")
app.add_typer(agents_app, name="agents")


@agents_app.command("show", epilog="Example: trifecta agents show --json")
def agents_show(
    ledger: Annotated[
        Path | None, typer.Option(help="Ledger that a backtest kept; default: the one traded with.", dir_okay=False)
    ] = None,
    json: Json = False,
) -> None:
    """Show each agent's Q-values, whether it acts or only advises, and what history says for it."""
    from trifecta.ops import agents

    settings = configured()
    found = agents.show(settings, ledger)
    print_either(found, agents.table(found, settings.trade.reporting_currency), json)
