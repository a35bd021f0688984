"""`trifecta train`: one network for one horizon of one instrument, trained, judged and registered here and now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from trifecta.clock import Clock
from trifecta.forecast import registry
from trifecta.forecast.contest import Step
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


def run(settings: Settings, job: Job, clock: Clock, console: Console, *, version: int | None = None) -> Done:
    """Trains the job's network; what was done before a stop is not done again.

    A version that passed its gate waits as challenger: `trifecta models promote` or the `train` flow let it serve.
    """
    models = settings.data_dir / "models"
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as progress:
        trained = train(job, Lake(settings.lake), models, clock, on_step=_shown(progress), version=version)
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        record = registry.register(ledger, settings.data_dir, trained.version, clock.now_ns())
    reasons = trained.version.card.gate.reasons
    return Done(record.version, str(record.status), reasons, str(trained.version.folder))


def _shown(progress: Progress) -> Callable[[Step], None]:
    task = progress.add_task("reading", total=None)

    def show(step: Step) -> None:
        loss = f", loss {step.losses['val_loss']:.3f}" if "val_loss" in step.losses else ""
        progress.update(task, description=step.what + loss, completed=step.done, total=step.total)

    return show
