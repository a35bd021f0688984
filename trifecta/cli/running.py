"""Commands that run the system and look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trifecta.cli.terminal import OK, PROBLEM, Json, app, configured, out, print_json, seconds


@app.command(epilog="Example: trifecta init")
def init() -> None:
    """Make the data folder, trifecta.toml, .env and an empty lake; compile what runs compiled."""
    from trifecta.clock import SystemClock
    from trifecta.ops import setup

    for line in setup.initialise(configured(), Path.cwd(), SystemClock()):
        out.print(line, highlight=False)


@app.command(epilog="Example: trifecta doctor --json")
def doctor(json: Json = False) -> None:
    """Check this machine: Python, extras, ports, disk, lake, clock and, of a live `market`, the venues."""
    from trifecta.clock import SystemClock
    from trifecta.ops import doctor as checks

    findings = []
    for finding in checks.examine(configured(), SystemClock()):
        findings.append(finding)
        if not json:
            out.print(checks.line(finding), highlight=False)
    if json:
        print_json(findings)
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

    settings = configured(**({"market": market} if market else {}))
    if (settings.market == "recorded") != bool(files):
        raise typer.BadParameter("--market recorded needs FILES, and only it takes them", param_hint="FILES")
    if files:
        from trifecta.ops.recorded import narrowed

        settings = narrowed(settings, files)
    wish = Wish(tuple(path.absolute() for path in files or ()), speed, prefect, dashboard)
    raise typer.Exit(supervisor.run_in_terminal(settings, wish, out, for_s=seconds(for_) if for_ else None))


@app.command(epilog="Example: trifecta down")
def down() -> None:
    """Stop a system that was started in another terminal."""
    from trifecta import supervisor
    from trifecta.clock import SystemClock

    ran = supervisor.down(configured(), SystemClock())
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
    from trifecta.ops.status import read
    from trifecta.ops.status_display import follow, shown

    settings, clock = configured(), SystemClock()
    if json:
        found = read(settings, clock)
        print_json(found)
    elif out.is_terminal if watch is None else watch:
        found = follow(settings, clock, out)
    else:
        found = read(settings, clock)
        out.print(shown(found))
    raise typer.Exit(OK if found.running else PROBLEM)


@app.command(epilog="Example: trifecta record")
def record() -> None:
    """Record every enabled venue until Ctrl-C, without Prefect."""
    from trifecta.ops import record as recording

    recording.run(configured())


@app.command(epilog="Example: trifecta keep")
def keep() -> None:
    """Scan, compact, publish and remove old journals until Ctrl-C, without Prefect."""
    import secrets

    from trifecta import logs
    from trifecta.ops import keeping

    settings = configured()
    logs.configure(settings.logs, run=secrets.token_hex(4))
    keeping.run(settings)


@app.command(epilog="Example: TRIFECTA_API_PORT=8010 trifecta serve")
def serve() -> None:
    """Run the HTTP sidecar that answers the Expert Advisor."""
    from trifecta.serve import server

    server.run(configured())
