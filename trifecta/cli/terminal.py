"""The terminal that commands stand on: the app, its consoles, what is printed for people and for scripts."""

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
            fail(str(error), USAGE if isinstance(error, SettingsError) else PROBLEM)
        except Exception as error:
            # The warehouse knows nothing of Trifecta and has errors of its own
            if ctx.params.get("debug") or not type(error).__module__.startswith(("warehouse", "duckdb", "_duckdb")):
                raise
            fail(str(error), PROBLEM)


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


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    pass


def configured(**overrides: object) -> Settings:
    """The settings in force; the log is kept as they say.

    A system that runs on the data folder may have been given another market on its command line: whoever asks about it
    means that one.
    """
    from trifecta import logs
    from trifecta.ops import processes
    from trifecta.settings import load

    settings = load(**overrides)
    logs.configure(settings.logs)
    market = processes.market(settings.run_dir)
    if market is None or market == settings.market or "market" in overrides:
        return settings
    err.print(f"market is {market}, as the running system has it", style="dim")
    return settings.model_copy(update={"market": type(settings.market)(market)})


def seconds(text: str) -> float:
    """What 90s, 10m or 2h is in seconds."""
    from trifecta.ops import durations

    try:
        return durations.seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error


def print_json(value: object) -> None:
    """One object on stdout and nothing else there."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value, enc_hook=str).decode() + "\n")


def print_either(value: object, shown: RenderableType, json: bool) -> None:
    """`value` for scripts, or `shown` for people."""
    if json:
        print_json(value)
    else:
        out.print(shown, highlight=False)


def print_summary(result: object, json: bool) -> None:
    from trifecta.ops.display import summary

    if json:
        print_json(result)
    else:
        out.print(summary(result))


def fail(message: str, code: int) -> None:
    """Says what is wrong and ends."""
    err.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)
