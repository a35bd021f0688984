"""One training from the lake to the ledger, whatever is forecast; `trifecta train` runs one here and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from trifecta.clock import Clock
from trifecta.forecast import registry, training
from trifecta.forecast.contest import OnStep, Step
from trifecta.forecast.direction import training as directions
from trifecta.forecast.direction.contest import ENSEMBLE
from trifecta.forecast.direction.contest import NAMES as OF_DIRECTION
from trifecta.forecast.direction.recorded import instruments, venue_of
from trifecta.forecast.records import Record
from trifecta.forecast.tuning import best
from trifecta.settings import Settings
from warehouse import Lake
from warehouse.ledger import Ledger

Job = training.Job | directions.Job


@dataclass(frozen=True)
class Made:
    """A version that was trained and registered, and what its gate said."""

    record: Record
    reasons: tuple[str, ...]
    folder: str
    lost: str = ""
    """How the champion of today did better at the same origins."""


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


def jobs(settings: Settings, venue: str, symbol: str, horizon_s: int, network: str) -> list[Job]:
    """All that can be trained and that the arguments leave; what is empty or 0 leaves everything.

    Ranges of every recorded symbol at every horizon and network of the settings, directions of every instrument that
    the lake has M15 bars of.
    """
    chosen = settings.forecast
    ranges = [
        best(settings.data_dir, training.Job(settings.source(name), one, horizon, of, coverage=chosen.coverage))
        for name, recorded in settings.venues.items()
        if recorded.enabled
        for one in recorded.symbols
        for horizon in chosen.horizons_s
        for of in ([network] if network else chosen.networks)
    ]
    told = [
        directions.Job(source, one, network=network or ENSEMBLE)
        for source, one in instruments(Lake(settings.lake))
        if network in ("", *OF_DIRECTION)
    ]
    every: list[Job] = [*ranges, *told]
    return [
        job
        for job in every
        if venue in ("", job.venue) and symbol in ("", job.symbol) and horizon_s in (0, job.horizon_s)
    ]


def make(settings: Settings, ledger: Ledger, job: Job, clock: Clock, *, on_step: OnStep) -> Made:
    """The job's version, judged and registered; what was done before a stop is not done again.

    Raises:
        DataError: there is too little to train or judge; the message says how much is missing.
    """
    lake, models = Lake(settings.lake), settings.data_dir / "models"
    trained: training.Trained | directions.Trained
    if isinstance(job, directions.Job):
        model = registry.serving(ledger, settings.data_dir, job.key, registry.open_direction)
        trained = directions.train(job, lake, models, clock, on_step=on_step, champion=model)
    else:
        graph = registry.serving(ledger, settings.data_dir, job.key, registry.open_version)
        trained = training.train(job, lake, models, clock, on_step=on_step, champion=graph)
    record = registry.register(ledger, settings.data_dir, trained.version, clock.now_ns())
    lost = str(trained.duel) if trained.duel is not None and trained.duel.lost else ""
    return Made(record, trained.version.card.gate.reasons, str(trained.version.folder), lost)


def run(settings: Settings, asked: Asked, clock: Clock, console: Console) -> Done:
    """Trains a network on ranges of order flow.

    A version that passed its gate waits as challenger: `trifecta models promote` or the `train` flow let it serve.
    """
    job = training.Job(
        asked.venue or settings.source(next(iter(settings.venues))),
        asked.symbol,
        asked.horizon_s or settings.forecast.default_horizon_s,
        asked.network or "lstm",
        asked.step_s,
        coverage=settings.forecast.coverage,
    )
    return _run(settings, job, clock, console)


def run_direction(settings: Settings, asked: Asked, clock: Clock, console: Console) -> Done:
    """The same of the direction of M15 bars."""
    venue = asked.venue or venue_of(Lake(settings.lake), asked.symbol)
    horizon_s = asked.horizon_s or directions.HORIZON_S
    return _run(settings, directions.Job(venue, asked.symbol, horizon_s, asked.network or ENSEMBLE), clock, console)


def _run(settings: Settings, job: Job, clock: Clock, console: Console) -> Done:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Ledger(settings.ledger) as ledger, Progress(*columns, console=console) as progress:
        ledger.migrate()
        made = make(settings, ledger, job, clock, on_step=_shown(progress))
    return Done(made.record.version, str(made.record.status), made.reasons, made.folder)


def _shown(progress: Progress) -> Callable[[Step], None]:
    task = progress.add_task("reading", total=None)

    def show(step: Step) -> None:
        loss = f", loss {step.losses['val_loss']:.3f}" if "val_loss" in step.losses else ""
        progress.update(task, description=step.what + loss, completed=step.done, total=step.total)

    return show
