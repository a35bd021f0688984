"""Commands that look for opportunities and control trading."""

from __future__ import annotations

import sys
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
    print_either(found, scanning.shown(found, out.width), json)


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


@app.command(epilog="Example: trifecta trade")
def trade() -> None:
    """Trade what the scanners find and a person or the rule executes, until Ctrl-C; `trifecta up` runs it."""
    import secrets

    from trifecta import logs
    from trifecta.clock import SystemClock
    from trifecta.ops import trading

    settings = configured()
    logs.configure(settings.logs, run=secrets.token_hex(4))
    trading.run(settings, SystemClock())


@app.command(epilog="Example: trifecta execute arbitrage-5f0c2a9b1e7d4c38")
def execute(
    opportunity: Annotated[str, typer.Argument(metavar="ID", help="As `trifecta scan --json` tells it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    json: Json = False,
) -> None:
    """Trade an opportunity, if risk allows: once, however often it is asked for."""
    from trifecta.clock import SystemClock
    from trifecta.ops import executing

    settings, clock = configured(), SystemClock()
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("nobody is there to confirm; scripts say --yes", param_hint="--yes")
        found = executing.offered(settings, opportunity)
        err.print("it is not offered now" if found is None else executing.shown(found), highlight=False)
        typer.confirm("Execute it?", abort=True, err=True)
    if not executing.trader_lives(settings, clock):
        err.print("no trader runs: `trifecta up` starts one; the request waits for it", style="yellow")
    done = executing.execute(settings, clock, opportunity)
    print_either(done, executing.told(done), json)
    raise typer.Exit(OK if done.verdict == "approved" else PROBLEM)


@app.command(epilog="Example: trifecta auto on 'two weeks of paper looked right'")
def auto(
    turn: Annotated[str, typer.Argument(metavar="[on|off]", help="Without it: how the switch stands.")] = "",
    why: Annotated[str, typer.Argument(help="Why; kept in the ledger and shown.")] = "",
    json: Json = False,
) -> None:
    """Switch execution by rule on or off, or show how it stands; it is off until somebody switches it on."""
    from trifecta.clock import SystemClock
    from trifecta.decide.auto import rule
    from trifecta.ops import executing

    if turn not in {"", "on", "off"}:
        raise typer.BadParameter(f"{turn!r}: expected on or off", param_hint="[on|off]")
    settings = configured()
    found = executing.auto_turn(settings, SystemClock(), turn == "on", why) if turn else executing.auto_state(settings)
    state = f"on: {rule(settings.trade.auto)}" if found.enabled else "off"
    print_either(found, f"execution by rule is {state}" + (f" ({found.reason})" if found.reason else ""), json)


@app.command(epilog="Example: trifecta backtest --seed 7 --hours 4 --json")
def backtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings, or one journal folder; default: what the lake holds.", exists=True),
    ] = None,
    start: Annotated[str, typer.Option("--from", help="First moment, UTC, like 2025-01-31T12:00:00.")] = "",
    end: Annotated[str, typer.Option("--to", help="Moment behind the last.")] = "",
    seed: Annotated[int | None, typer.Option(help="Of the dice, and of the simulated market.", min=0)] = None,
    hours: Annotated[float, typer.Option(help="Of the simulated market.", min=0.01, max=240)] = 24.0,
    keep: Annotated[Path | None, typer.Option(help="Where to keep the run's ledger.", dir_okay=False)] = None,
    bars: Annotated[bool, typer.Option("--bars", help="Trade forex over the lake's M15 bars.")] = False,
    against_paper: Annotated[
        bool, typer.Option("--against-paper", help="Compare with what paper traded; by default all that it did.")
    ] = False,
    json: Json = False,
) -> None:
    """Trade a span of the past with the running system's own code, into a ledger of its own.

    Without files and without a span it generates a day of the simulated market.
    """
    from trifecta.ops import backtest as testing

    settings = configured()
    if seed is not None:
        settings = settings.model_copy(update={"trade": settings.trade.model_copy(update={"seed": seed})})
    if bars and (files or against_paper):
        told = "takes neither files nor --against-paper: it trades what the lake holds"
        raise typer.BadParameter(told, param_hint="--bars")
    if against_paper and not (start or end):
        start, end = testing.paper_span(settings)
    if bars:
        tape = testing.forex_tape(settings, start, end, err)
    elif files or start or end:
        tape = testing.recorded_tape(settings, files or [], start, end, err)
    else:
        tape = testing.simulated_tape(settings.trade.seed, hours)
    found = testing.run(tape, settings, err, keep, against_paper=against_paper)
    print_either(testing.documented(found), testing.shown(found, settings.trade.reporting_currency), json)
