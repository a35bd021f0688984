"""The `trifecta` command: each body is a call into the product.

What a command needs is imported inside it: DuckDB, Delta, numba and Prefect take seconds, `trifecta --help` must not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from typer.core import TyperGroup

from trifecta.errors import SettingsError, TrifectaError

if TYPE_CHECKING:
    from trifecta.settings import Settings

OK, PROBLEM, USAGE = 0, 1, 2

out = Console()
err = Console(stderr=True)


class Commands(TyperGroup):
    """Shows what the product raises on purpose as one message, and everything with --debug."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # names typer's private base class
        try:
            return super().invoke(ctx)
        except TrifectaError as error:
            if ctx.params.get("debug"):
                raise
            _fail(str(error), USAGE if isinstance(error, SettingsError) else PROBLEM)
        except Exception as error:
            # The warehouse knows nothing of Trifecta and has errors of its own
            if ctx.params.get("debug") or not type(error).__module__.startswith(("warehouse", "duckdb", "_duckdb")):
                raise
            _fail(str(error), PROBLEM)


app = typer.Typer(
    cls=Commands,
    name="trifecta",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Record markets with nothing lost, forecast honestly, serve the result.",
    epilog="Start with: trifecta up",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]
Files = Annotated[list[Path], typer.Argument(help="Files to read, .gz, .zst or plain.", exists=True, dir_okay=False)]


def main() -> None:
    """Runs the command line."""
    app()


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    pass


@app.command(epilog="Example: trifecta init")
def init() -> None:
    """Make the data folder, trifecta.toml, .env and an empty lake; compile what runs compiled."""
    from trifecta.clock import SystemClock
    from trifecta.ops import setup

    for line in setup.initialise(_settings(), Path.cwd(), SystemClock()):
        out.print(line, highlight=False)


@app.command(epilog="Example: trifecta doctor --json")
def doctor(json: Json = False) -> None:
    """Check this machine: Python, extras, ports, disk, lake, clock and, for --market live, the venues."""
    from trifecta.clock import SystemClock
    from trifecta.ops import doctor as checks

    findings = []
    for finding in checks.examine(_settings(), SystemClock()):
        findings.append(finding)
        if not json:
            out.print(checks.line(finding), highlight=False)
    if json:
        _print_json(findings)
    raise typer.Exit(PROBLEM if checks.failed(findings) else OK)


@app.command(epilog="Example: trifecta up --for 10m --market recorded day1.gz day2.gz --speed 10")
def up(
    files: Annotated[list[Path] | None, typer.Argument(help="What --market recorded plays.", exists=True)] = None,
    market: Annotated[str, typer.Option(help="simulated, recorded or live; default: the setting `market`.")] = "",
    for_: Annotated[str, typer.Option("--for", help="Stop by itself after 90s, 10m, 2h.")] = "",
    speed: Annotated[float, typer.Option(help="Pace of a recorded market; 0: as fast as it goes.", min=0)] = 1.0,
    dashboard: Annotated[bool, typer.Option(help="Run the dashboard.")] = True,
    prefect: Annotated[bool, typer.Option(help="Run Prefect; without it the recorder runs by itself.")] = True,
) -> None:
    """Run the whole system until Ctrl-C: market, recorder, sidecar, schedules, dashboard."""
    from trifecta import supervisor
    from trifecta.ops.parts import Wish

    settings = _settings(**({"market": market} if market else {}))
    if (settings.market == "recorded") != bool(files):
        raise typer.BadParameter("--market recorded needs FILES, and only it takes them", param_hint="FILES")
    if files:
        from trifecta.ops.recorded import narrowed

        settings = narrowed(settings, files)
    wish = Wish(tuple(path.absolute() for path in files or ()), speed, prefect, dashboard)
    raise typer.Exit(supervisor.run_in_terminal(settings, wish, out, for_s=_seconds(for_) if for_ else None))


@app.command(epilog="Example: trifecta down")
def down() -> None:
    """Stop a system that was started in another terminal."""
    from trifecta import supervisor
    from trifecta.clock import SystemClock

    ran = supervisor.down(_settings(), SystemClock())
    out.print("stopped" if ran else "nothing was running")


@app.command(epilog="Example: trifecta status --once")
def status(
    json: Json = False,
    watch: Annotated[
        bool | None, typer.Option("--watch/--once", help="Follow it until Ctrl-C; default: on a terminal.")
    ] = None,
) -> None:
    """Show processes, feeds, alerts, trading, the sidecar's health, what the lake holds, gaps."""
    from trifecta.clock import SystemClock
    from trifecta.ops import display
    from trifecta.ops.status import follow, read

    settings, clock = _settings(), SystemClock()
    if json:
        found = read(settings, clock)
        _print_json(found)
    elif out.is_terminal if watch is None else watch:
        found = follow(settings, clock, out)
    else:
        found = read(settings, clock)
        out.print(display.of_status(found))
    raise typer.Exit(OK if found.running else PROBLEM)


@app.command(epilog="Example: trifecta record")
def record() -> None:
    """Record every enabled venue until Ctrl-C, without Prefect."""
    from trifecta.ops import record as recording

    recording.run(_settings())


@app.command(epilog="Example: TRIFECTA_API_PORT=8010 trifecta serve")
def serve() -> None:
    """Run the HTTP sidecar that answers the Expert Advisor."""
    from trifecta.serve import server

    server.run(_settings())


@app.command(epilog="Example: trifecta replay btcusdt_20240808.gz btcusdt_20240809.gz --json")
def replay(
    files: Files,
    source: Annotated[str, typer.Option(help="The venue's name in the warehouse.")] = "",
    json: Json = False,
) -> None:
    """Read recorded frames through the live path into the lake; twice changes nothing."""
    from trifecta.ops import loading

    _print_summary(loading.replay(files, _settings(), source=source, console=err), json)


@app.command("import", epilog="Example: trifecta import BTCUSDT-trades-2024-08-08.zip")
def import_(
    files: Files,
    venue: Annotated[str, typer.Option(help="Name in the warehouse; default: what the format says.")] = "",
    symbol: Annotated[str, typer.Option(help="Instrument; default: what the file says.")] = "",
    json: Json = False,
) -> None:
    """Read trades, depth and klines of other programs (CSV, JSON, zip) into the lake; twice changes nothing."""
    from trifecta.capture.importers import describe
    from trifecta.ops import loading

    done = loading.import_files(files, _settings(), venue=venue, symbol=symbol, console=err)
    if json:
        _print_json(done)
        return
    for file in done.files:
        out.print("\n".join(describe(file)), markup=False, highlight=False)


@app.command("import-forex", epilog="Example: trifecta import-forex 20140505_quote.zip --venue fxcm --zone UTC-5 ...")
def import_forex_(
    files: Files,
    venue: Annotated[str, typer.Option(help="Name in the warehouse: oanda, fxcm, coinbase, ...")],
    zone: Annotated[str, typer.Option(help="What the files' clock keeps: UTC, UTC-5, ...")] = "UTC",
    symbol: Annotated[str, typer.Option(help="Instrument, where the files do not tell.")] = "",
    reference: Annotated[
        list[Path] | None, typer.Option(help="Files of the same days in UTC: a zone that does not fit is refused.")
    ] = None,
) -> None:
    """Read forex, CFD and crypto histories (Lean zip, CSV, Parquet) into the lake; twice changes nothing."""
    from trifecta.capture.importers.forex_intake import import_forex
    from warehouse import Lake

    lake = Lake(_settings().lake)
    for file in files:
        done = import_forex(file, lake=lake, zone=zone, source=venue, symbol=symbol, reference=reference or ())
        refused = ", ".join(f"{count} {reason}" for reason, count in done.quarantined.items()) or "none"
        out.print(f"{file.name}: {done.written} rows of {done.source} {done.symbol}, quarantined: {refused}")


@app.command(epilog="Example: trifecta backfill --for 5m")
def backfill(
    for_: Annotated[str, typer.Option("--for", help="How long at most for each venue: 90s, 10m.")] = "10m",
    json: Json = False,
) -> None:
    """Fetch skipped trades and past minutes now; a recorder that runs does it by itself."""
    from trifecta.ops import loading

    done = loading.backfill(_settings(), bound_s=_seconds(for_), console=err)
    _print_summary(done, json)
    raise typer.Exit(PROBLEM if any(one.gaps_open for one in done.sources) else OK)


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
        scanning.watch(_settings(), out)
        return
    found = scanning.once(_settings(), err)
    _print_either(found, scanning.shown(found), json)


@app.command(epilog="Example: trifecta compact")
def compact(json: Json = False) -> None:
    """Merge the lake's small files and drop those that nobody reads any more."""
    from trifecta.ops import loading

    _print_summary(loading.compact(_settings(), err), json)


alerts_app = typer.Typer(no_args_is_help=True, help="Tell people when something is wrong.")
app.add_typer(alerts_app, name="alerts")


@alerts_app.command("watch", epilog="Example: trifecta alerts watch")
def alerts_watch() -> None:
    """Watch the system and send what is wrong until Ctrl-C; `trifecta up` does it where `alerts.urls` is set."""
    from trifecta.ops.alerts import commands

    commands.watch_until_stopped(_settings())


@alerts_app.command("test", epilog="Example: trifecta alerts test")
def alerts_test() -> None:
    """Send a test message to every address of `alerts.urls`."""
    from trifecta.ops.alerts import commands

    raise typer.Exit(OK if commands.send_test(_settings()) else PROBLEM)


@alerts_app.command("list", epilog="Example: trifecta alerts list --json")
def alerts_list(json: Json = False) -> None:
    """Show what is wrong now, as the watch last saw it."""
    from trifecta.ops.alerts import commands

    found = commands.listed(_settings())
    _print_either(found, commands.of_list(found), json)


@alerts_app.command("rules", epilog="Example: trifecta alerts rules")
def alerts_rules(json: Json = False) -> None:
    """Show every rule: what it means and what to do."""
    from trifecta.ops.alerts import commands

    found = commands.rules()
    _print_either(found, commands.of_rules(found), json)


@alerts_app.command("summary", epilog="Example: trifecta alerts summary --day 2026-03-01")
def alerts_summary(day: Annotated[str, typer.Option(help="Which day, UTC; default: yesterday.")] = "") -> None:
    """Print the summary of a day, as it is sent each morning."""
    from trifecta.clock import SystemClock
    from trifecta.ops.alerts import commands

    out.print(commands.summary(_settings(), day, SystemClock()), highlight=False, markup=False)


models_app = typer.Typer(no_args_is_help=True, help="Look at trained models, and decide which one serves.")
app.add_typer(models_app, name="models")
Version = Annotated[str, typer.Argument(help="Version name, or its last characters.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger and shown.")]


@models_app.command("list", epilog="Example: trifecta models list --symbol PAXGUSDT")
def models_list(symbol: Annotated[str, typer.Option(help="Only of this symbol.")] = "", json: Json = False) -> None:
    """Show every version: champion, challengers, retired and refused ones."""
    from trifecta.ops import models

    found = models.listed(_settings(), symbol)
    _print_either(found, models.of_list(found), json)


@models_app.command("show", epilog="Example: trifecta models show 0a1b2c3d")
def models_show(version: Version, json: Json = False) -> None:
    """Show a version's card, its scores against every baseline and what happened to it."""
    from trifecta.ops import models

    found = models.shown(_settings(), version)
    _print_either(found._asdict(), models.of_version(found), json)


@models_app.command("promote", epilog="Example: trifecta models promote 0a1b2c3d --reason 'lower loss live'")
def models_promote(
    version: Version,
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Even though it failed its gate; needs --reason.")] = False,
    json: Json = False,
) -> None:
    """Make a version champion; the sidecar serves it within about a second."""
    from trifecta.clock import SystemClock
    from trifecta.ops import models

    done = models.promote(_settings(), version, SystemClock(), reason=reason, force=force)
    _print_either(done, f"{done.version} is champion: {done.reason}", json)


@models_app.command("rollback", epilog="Example: trifecta models rollback PAXGUSDT --horizon 300")
def models_rollback(
    symbol: Annotated[str, typer.Argument(help="Symbol of the order flow.")],
    horizon: Annotated[int | None, typer.Option(help="Horizon in s, where several have a champion.")] = None,
    venue: Annotated[str, typer.Option(help="Venue in the warehouse, where several have a champion.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Make the champion before the present one champion again."""
    from trifecta.clock import SystemClock
    from trifecta.ops import models

    done = models.rollback(_settings(), symbol, SystemClock(), venue=venue, horizon_s=horizon, reason=reason)
    _print_either(done, f"{done.version} is champion: {done.reason}", json)


@models_app.command("compare", epilog="Example: trifecta models compare 0a1b2c3d 4e5f6a7b")
def models_compare(first: Version, second: Version, json: Json = False) -> None:
    """Show two versions side by side."""
    from trifecta.ops import models

    found = models.compared(_settings(), first, second)
    _print_either(found, models.of_comparison(found), json)


@app.command(epilog="Example: trifecta train --symbol PAXGUSDT --horizon 300")
def train(
    symbol: Annotated[str, typer.Option(help="As the venue names it.")],
    venue: Annotated[str, typer.Option(help="As the warehouse names it; default: the first venue recorded.")] = "",
    horizon: Annotated[int, typer.Option(help="How far to look, s; default: forecast.default_horizon_s.")] = 0,
    network: Annotated[
        str, typer.Option(help="lstm, transformer, lstm_extended, transformer_extended, ensemble.")
    ] = "lstm",
    step: Annotated[int, typer.Option(help="Seconds between the steps of a window, 1 to 60.", min=1, max=60)] = 1,
    json: Json = False,
) -> None:
    """Train a network on what the lake holds, judge it against every baseline, write and register the version."""
    from trifecta.clock import SystemClock
    from trifecta.forecast.training import Job
    from trifecta.ops import training

    settings = _settings()
    source = venue or settings.source(next(iter(settings.venues)))
    wanted = horizon or settings.forecast.default_horizon_s
    job = Job(source, symbol, wanted, network, step, coverage=settings.forecast.coverage)
    _print_summary(training.run(settings, job, SystemClock(), err), json)


@app.command(epilog="Example: trifecta evaluate --data all --folder recordings --write docs/forecasting.md")
def evaluate(
    data: Annotated[list[str], typer.Option(help="xrpeth, iaqf_1m, m15, m15_bid, all of them, or VENUE/SYMBOL.")],
    folder: Annotated[Path | None, typer.Option(help="Where recorded data sets are.", file_okay=False)] = None,
    write: Annotated[Path | None, typer.Option(help="Page to put tables into.", exists=True, dir_okay=False)] = None,
    json: Json = False,
) -> None:
    """Judge every network and baseline on recorded markets: loss, error, p against each baseline, coverage."""
    from trifecta.ops import judging

    rows = judging.run(data, _settings(), folder, err)
    if write is not None:
        judging.write(write, rows)
    _print_either(rows, judging.table(rows), json)


Why = Annotated[str, typer.Argument(help="Why; kept in the ledger and shown.")]


@app.command(epilog="Example: trifecta halt 'spread looks wrong'")
def halt(reason: Why, json: Json = False) -> None:
    """Stop every new order in every process at once, until `trifecta resume`; it survives restarts."""
    from trifecta.clock import SystemClock
    from trifecta.ops import trading

    found = trading.stop(_settings(), SystemClock(), reason)
    _print_either(found, f"halted by {found.actor}: {found.reason}", json)


@app.command(epilog="Example: trifecta resume 'spread was right'")
def resume(reason: Why, json: Json = False) -> None:
    """Allow orders again after a halt; the maximum drawdown counts anew from now."""
    from trifecta.clock import SystemClock
    from trifecta.ops import trading

    found = trading.resume(_settings(), SystemClock(), reason)
    _print_either(found, "orders are allowed", json)


@app.command(epilog="Example: trifecta audit")
def audit(json: Json = False) -> None:
    """Recompute the whole ledger from its fills and deposits, and show what does not add up."""
    from trifecta.ops import trading

    found = trading.audit(_settings())
    _print_either(found, "\n".join(found) or "the ledger adds up", json)
    raise typer.Exit(PROBLEM if found else OK)


@app.command(epilog="Example: trifecta sql -c 'select venue, symbol, count(*) from trades group by all'")
def sql(
    command: Annotated[str, typer.Option("-c", "--command", help="Answer this and end; without it: a prompt.")] = "",
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the warehouse in DuckDB's SQL: tables, views and marts, prices as decimals, times in UTC."""
    from trifecta.ops import shell

    if json and csv:
        raise typer.BadParameter("choose one of --json and --csv", param_hint="--csv")
    shell.run(_settings(), out, command=command, form="json" if json else "csv" if csv else "table")


def _settings(**overrides: object) -> Settings:
    from trifecta import logs
    from trifecta.settings import load

    settings = load(**overrides)
    logs.configure(settings.logs)
    return settings


def _seconds(text: str) -> float:
    from trifecta.ops.durations import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error


def _print_json(value: object) -> None:
    """One object on stdout and nothing else there."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")


def _print_either(value: object, shown: RenderableType, json: bool) -> None:
    """`value` for scripts, or `shown` for people."""
    if json:
        _print_json(value)
    else:
        out.print(shown, highlight=False)


def _print_summary(result: object, json: bool) -> None:
    from trifecta.ops.display import summary

    if json:
        _print_json(result)
    else:
        out.print(summary(result))


def _fail(message: str, code: int) -> None:
    err.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)
