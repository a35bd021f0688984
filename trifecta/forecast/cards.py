"""What a version shows to people: its card, its training log and plots."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import Any

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.forecast.baselines import Method
from trifecta.forecast.contest import Contest
from trifecta.forecast.files import Card, Score
from trifecta.forecast.runs import Run

SIZE_INCHES, DPI = (7.0, 4.2), 100


def markdown(card: Card, name: str) -> str:
    """The card of a range as a page."""
    head = "| forecaster | QLIKE | MAE, bp | p | coverage | width | hit rate | Brier | outcome / forecast |"
    return _page(card, name, head, _row)


def direction_markdown(card: Card, name: str) -> str:
    """The card of a direction as a page."""
    head = "| forecaster | log loss | Brier | p | side told right | came / stated |"
    return _page(card, name, head, _direction_row)


def _page(card: Card, name: str, head: str, row: Callable[[Score], str]) -> str:
    since, until = (
        f"{datetime.fromtimestamp(ns // NS_PER_S, UTC):%Y-%m-%d %H:%M}" for ns in (card.since_ns, card.until_ns)
    )
    lines = [
        f"# {name}",
        "",
        f"Trained on {card.data}, {since} to {until} UTC, "
        f"{', '.join(f'{table} at version {version}' for table, version in card.tables.items())}.",
        f"Windows: {', '.join(f'{count:,} {part}' for part, count in card.windows.items())}. "
        f"Seed {card.seed}, features version {card.feature_version}, code {card.commit}.",
        "",
        f"**{'Passed' if card.gate.passed else 'Refused'}**",
        "",
        *(f"- {reason}" for reason in (*card.gate.reasons, *card.notes)),
        "",
        head,
        "|---" * (head.count("|") - 1) + "|",
        *(row(score) for score in card.scores if score.fold == -1),
    ]
    return "\n".join(lines) + "\n"


def curves(runs: Sequence[Run[Any]]) -> bytes:
    """The training log as CSV: one row a network and epoch."""
    names = sorted({name for run in runs for epoch in run.epochs for name in epoch})
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "epoch", *names])
    for number, run in enumerate(runs):
        for epoch, losses in enumerate(run.epochs, 1):
            writer.writerow([number, epoch, *(losses.get(name, "") for name in names)])
    return text.getvalue().encode()


def plots(contest: Contest, name: str, runs: Sequence[Run[Any]]) -> dict[str, bytes]:
    """PNG files by name: the training, and forecasts against outcomes."""
    return {"plots/training.png": training_plot(runs), "plots/outcomes.png": _outcomes(contest, name)}


def _row(score: Score) -> str:
    cells = (
        score.forecaster,
        f"{score.loss:.4f}",
        _shown(None if score.mae is None else 1e4 * score.mae, "{:.2f}"),
        _shown(score.p_value, "{:.3f}"),
        _shown(score.coverage, "{:.1%}"),
        _shown(score.width, "{:.2f}"),
        _shown(score.hit_rate, "{:.1%}"),
        _shown(score.brier, "{:.3f}"),
        _shown(score.calibration, "{:.3f}"),
    )
    return f"| {' | '.join(cells)} |"


def _direction_row(score: Score) -> str:
    cells = (
        score.forecaster,
        _shown(score.log_loss, "{:.4f}"),
        _shown(score.brier, "{:.4f}"),
        _shown(score.p_value, "{:.3f}"),
        _shown(score.hit_rate, "{:.1%}"),
        _shown(score.calibration, "{:.3f}"),
    )
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def training_plot(runs: Sequence[Run[Any]]) -> bytes:
    """Losses of each epoch as a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415  half a second that a gate without plots does not need

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for number, run in enumerate(runs):
        for loss, style in (("loss", "-"), ("val_loss", "--")):
            axes.plot([epoch.get(loss, np.nan) for epoch in run.epochs], style, label=f"{loss}, network {number}")
    axes.set(xlabel="epoch", ylabel="weighted loss", title="Training and validation")
    axes.legend()
    return _png(figure)


def _outcomes(contest: Contest, name: str) -> bytes:
    from matplotlib.figure import Figure  # noqa: PLC0415  as above

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    outcome = contest.trial.outcome * 1e4
    shown = [one for one in (name, str(Method.HAR)) if one in contest.contenders]
    for axes, one in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        axes.loglog(contest.contenders[one].forecast.log_range * 1e4, outcome, ".", markersize=2, alpha=0.4)
        axes.plot([outcome.min(), outcome.max()], [outcome.min(), outcome.max()], color="black", linewidth=0.8)
        axes.set(xlabel="forecast, bp", title=one)
    figure.supylabel("range that came, bp")
    return _png(figure)


def _png(figure: object) -> bytes:
    held = BytesIO()
    figure.savefig(held, format="png")  # type: ignore[attr-defined]  # matplotlib is not typed
    return held.getvalue()
