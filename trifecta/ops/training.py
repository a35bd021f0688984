"""`trifecta train`: one network for one horizon of one instrument, trained, judged and registered here and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from trifecta.clock import Clock
from trifecta.forecast import registry
from trifecta.forecast.contest import Step
from trifecta.forecast.direction import training as direction
from trifecta.forecast.direction.contest import ENSEMBLE
from trifecta.forecast.direction.recorded import venue_of
from trifecta.forecast.registry import AnyVersion, Key
from trifecta.forecast.training import Job, train
from trifecta.settings import Settings
from warehouse import Lake
from warehouse.ledger import Ledger


@dataclass(frozen=True)
class Done:
    """The version that was written, what it is in the ledger, and why."""

    version: str
    status: str
    reasons: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Asked:
    """What a person asks to be trained; what is empty or 0 is chosen."""

    symbol: str
    venue: str = ""
    horizon_s: int = 0
    network: str = ""
    step_s: int = 1


def run(settings: Settings, asked: Asked, clock: Clock, console: Console) -> Done:
    """Trains a network on ranges of order flow; what was done before a stop is not done again.

    A version that passed its gate waits as challenger: `trifecta models promote` or the `train` flow let it serve.
    """
    job = Job(
        asked.venue or settings.source(next(iter(settings.venues))),
        asked.symbol,
        asked.horizon_s or settings.forecast.default_horizon_s,
        asked.network or "lstm",
        asked.step_s,
        coverage=settings.forecast.coverage,
    )
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        champion = registry.serving(ledger, settings.data_dir, Key(job.venue, job.symbol, job.horizon_s))
    lake, models = Lake(settings.lake), settings.data_dir / "models"
    with _progress(console) as progress:
        trained = train(job, lake, models, clock, on_step=_shown(progress), champion=champion)
    return _registered(settings, trained.version, clock)


def run_direction(settings: Settings, asked: Asked, clock: Clock, console: Console) -> Done:
    """The same of the direction of M15 bars."""
    lake = Lake(settings.lake)
    job = direction.Job(
        asked.venue or venue_of(lake, asked.symbol),
        asked.symbol,
        asked.horizon_s or direction.HORIZON_S,
        asked.network or ENSEMBLE,
    )
    with _progress(console) as progress:
        trained = direction.train(job, lake, settings.data_dir / "models", clock, on_step=_shown(progress))
    return _registered(settings, trained.version, clock)


def _progress(console: Console) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console)


def _registered(settings: Settings, version: AnyVersion, clock: Clock) -> Done:
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        record = registry.register(ledger, settings.data_dir, version, clock.now_ns())
    return Done(record.version, str(record.status), version.card.gate.reasons, str(version.folder))


def _shown(progress: Progress) -> Callable[[Step], None]:
    task = progress.add_task("reading", total=None)

    def show(step: Step) -> None:
        loss = f", loss {step.losses['val_loss']:.3f}" if "val_loss" in step.losses else ""
        progress.update(task, description=step.what + loss, completed=step.done, total=step.total)

    return show
