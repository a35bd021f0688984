"""Commands that train, judge and choose models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trifecta.cli.terminal import Json, app, configured, err, print_either, print_summary
from trifecta.forecast.targets import Target

models_app = typer.Typer(no_args_is_help=True, help="Look at trained models, and decide which one serves.")
app.add_typer(models_app, name="models")
Version = Annotated[str, typer.Argument(help="Version name, or its last characters.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger and shown.")]


@models_app.command("list", epilog="Example: trifecta models list --symbol PAXGUSDT")
def models_list(symbol: Annotated[str, typer.Option(help="Only of this symbol.")] = "", json: Json = False) -> None:
    """Show every version: champion, challengers, retired and refused ones."""
    from trifecta.ops import models

    found = models.listed(configured(), symbol)
    print_either(found, models.of_list(found), json)


@models_app.command("show", epilog="Example: trifecta models show 0a1b2c3d")
def models_show(version: Version, json: Json = False) -> None:
    """Show a version's card, its scores against every baseline and what happened to it."""
    from trifecta.ops import models

    found = models.shown(configured(), version)
    print_either(found._asdict(), models.of_version(found), json)


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

    done = models.promote(configured(), version, SystemClock(), reason=reason, force=force)
    print_either(done, f"{done.version} is champion: {done.reason}", json)


@models_app.command("rollback", epilog="Example: trifecta models rollback PAXGUSDT --horizon 300")
def models_rollback(
    symbol: Annotated[str, typer.Argument(help="Symbol of the order flow.")],
    horizon: Annotated[int | None, typer.Option(help="Horizon in s, where several have a champion.")] = None,
    venue: Annotated[str, typer.Option(help="Venue in the warehouse, where several have a champion.")] = "",
    target: Annotated[Target, typer.Option(help="What it forecasts.")] = Target.RANGE,
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Make the champion before the present one champion again."""
    from trifecta.clock import SystemClock
    from trifecta.ops import models

    done = models.rollback(
        configured(), symbol, SystemClock(), target=target, venue=venue, horizon_s=horizon, reason=reason
    )
    print_either(done, f"{done.version} is champion: {done.reason}", json)


@models_app.command("compare", epilog="Example: trifecta models compare 0a1b2c3d 4e5f6a7b")
def models_compare(first: Version, second: Version, json: Json = False) -> None:
    """Show two versions side by side."""
    from trifecta.ops import models

    found = models.compared(configured(), first, second)
    print_either(found, models.of_comparison(found), json)


@app.command(epilog="Example: trifecta train --symbol PAXGUSDT --horizon 300")
def train(
    symbol: Annotated[str, typer.Option(help="As the venue names it.")],
    venue: Annotated[
        str, typer.Option(help="As the warehouse names it; default: the first recorded, of a direction the only one.")
    ] = "",
    horizon: Annotated[
        int, typer.Option(help="How far to look, s; default: forecast.default_horizon_s, of a direction 3600.")
    ] = 0,
    network: Annotated[
        str,
        typer.Option(
            help="lstm, transformer, lstm_extended, transformer_extended, ensemble; default: lstm, of a "
            "direction the ensemble."
        ),
    ] = "",
    step: Annotated[int, typer.Option(help="Seconds between the steps of a window, 1 to 60.", min=1, max=60)] = 1,
    target: Annotated[Target, typer.Option(help="Of order flow, or of M15 bars.")] = Target.RANGE,
    json: Json = False,
) -> None:
    """Train a network on what the lake holds, judge it against every baseline, write and register the version."""
    from trifecta.clock import SystemClock
    from trifecta.ops import training

    settings = configured()
    asked = training.Asked(symbol, venue, horizon, network, step)
    begin = training.run_direction if target is Target.DIRECTION else training.run
    print_summary(begin(settings, asked, SystemClock(), err), json)


@app.command(epilog="Example: trifecta evaluate --data all --folder recordings --write docs/forecasting.md")
def evaluate(
    data: Annotated[list[str], typer.Option(help="xrpeth, iaqf_1m, m15, m15_bid, all of them, or VENUE/SYMBOL.")],
    folder: Annotated[Path | None, typer.Option(help="Where recorded data sets are.", file_okay=False)] = None,
    write: Annotated[Path | None, typer.Option(help="Page to put tables into.", exists=True, dir_okay=False)] = None,
    target: Annotated[Target | None, typer.Option(help="Only of ranges or directions.")] = None,
    json: Json = False,
) -> None:
    """Judge every network and baseline on recorded markets: loss, error, p against each baseline, coverage."""
    from trifecta.ops import judging

    rows = judging.run(data, configured(), folder, err, target)
    if write is not None:
        judging.write(write, rows)
    print_either(rows, judging.tables(rows), json)
