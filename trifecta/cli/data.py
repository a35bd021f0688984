"""Commands that fill the warehouse and ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trifecta.cli.terminal import (
    OK,
    PROBLEM,
    Files,
    Json,
    app,
    configured,
    err,
    out,
    print_json,
    print_summary,
    seconds,
)


@app.command(epilog="Example: trifecta replay btcusdt_20240808.gz btcusdt_20240809.gz --json")
def replay(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings, .gz, .zst or plain, or a journal's folder.", exists=True)
    ],
    source: Annotated[str, typer.Option(help="The venue's name in the warehouse.")] = "",
    json: Json = False,
) -> None:
    """Read recorded frames through the live path into the lake; twice changes nothing."""
    from trifecta.ops import loading

    print_summary(loading.replay(files, configured(), source=source, console=err), json)


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

    done = loading.import_files(files, configured(), venue=venue, symbol=symbol, console=err)
    if json:
        print_json(done)
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

    lake = Lake(configured().lake)
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

    done = loading.backfill(configured(), bound_s=seconds(for_), console=err)
    print_summary(done, json)
    raise typer.Exit(PROBLEM if any(one.gaps_open for one in done.sources) else OK)


@app.command(epilog="Example: trifecta compact")
def compact(json: Json = False) -> None:
    """Merge the lake's small files and drop those that nobody reads any more."""
    from trifecta.ops import loading

    print_summary(loading.compact(configured(), err), json)


@app.command(epilog="Example: trifecta publish")
def publish(json: Json = False) -> None:
    """Write the lake anew as warehouse.duckdb, which any DuckDB client opens."""
    from trifecta.ops import loading

    print_summary(loading.publish(configured(), err), json)


@app.command(epilog="Example: trifecta retention")
def retention(json: Json = False) -> None:
    """Remove journals that are older than capture.journal_days; what they held stays in the lake."""
    from trifecta.ops import loading

    print_summary(loading.remove_old(configured()), json)


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
    shell.run(configured(), out, command=command, form="json" if json else "csv" if csv else "table")
