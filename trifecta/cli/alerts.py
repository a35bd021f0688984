"""Commands that tell people when something is wrong."""

from __future__ import annotations

from typing import Annotated

import typer

from trifecta.cli.terminal import OK, PROBLEM, Json, app, configured, out, print_either

alerts_app = typer.Typer(no_args_is_help=True, help="Tell people when something is wrong.")
app.add_typer(alerts_app, name="alerts")


@alerts_app.command("watch", epilog="Example: trifecta alerts watch")
def alerts_watch() -> None:
    """Watch the system and send what is wrong until Ctrl-C; `trifecta up` does it where `alerts.urls` is set."""
    from trifecta.ops.alerts import commands

    commands.watch_until_stopped(configured())


@alerts_app.command("test", epilog="Example: trifecta alerts test")
def alerts_test() -> None:
    """Send a test message to every address of `alerts.urls`."""
    from trifecta.ops.alerts import commands

    raise typer.Exit(OK if commands.send_test(configured()) else PROBLEM)


@alerts_app.command("list", epilog="Example: trifecta alerts list --json")
def alerts_list(json: Json = False) -> None:
    """Show what is wrong now, and whether somebody was told of it."""
    from trifecta.ops.alerts import commands

    found = commands.listed(configured())
    print_either(found, commands.of_list(found), json)


@alerts_app.command("rules", epilog="Example: trifecta alerts rules")
def alerts_rules(json: Json = False) -> None:
    """Show every rule: what it means and what to do."""
    from trifecta.ops.alerts import commands

    found = commands.rules()
    print_either(found, commands.of_rules(found), json)


@alerts_app.command("summary", epilog="Example: trifecta alerts summary --day 2026-03-01")
def alerts_summary(day: Annotated[str, typer.Option(help="Which day, UTC; default: yesterday.")] = "") -> None:
    """Print the summary of a day, as it is sent each morning."""
    from trifecta.clock import SystemClock
    from trifecta.ops.alerts import commands

    out.print(commands.summary(configured(), day, SystemClock()), highlight=False, markup=False)
