"""A search for what trains best, on the training and validation parts that come before every test part.

The walk forward judges what is chosen here on later data alone: the first fold's validation part ends where its first
test part begins. The study is kept, so that a search that was killed goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from trifecta.forecast import fitting
from trifecta.forecast.baselines import qlike
from trifecta.forecast.dataset import build
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.networks import NETWORKS, named
from trifecta.forecast.recorded_flow import read
from trifecta.forecast.training import Job
from warehouse.lake import Lake

if TYPE_CHECKING:
    import optuna

STEPS_S = (1, 5, 15)
STARTUP_TRIALS = 4
"""Trials that are never pruned: there must be something to compare with."""

OnTrial = Callable[[int, float | None, Mapping[str, Any]], None]


class Tuned(msgspec.Struct, frozen=True):
    """The best trial so far, and what it was chosen by: QLIKE on the first fold's validation part."""

    network: str
    step_s: int
    qlike: float
    trials: int


def search(
    job: Job, lake: Lake, data_dir: Path, *, trials: int, networks: tuple[str, ...] = (*NETWORKS,), on_trial: OnTrial
) -> Tuned:
    """The best of `trials` further trials and those of earlier searches; `best` finds it from then on.

    Args:
        job: what to tune for; its network and step are what is searched.
        on_trial: told of each trial its number, its loss (None: pruned) and its parameters.

    Raises:
        DataError: there is too little to train on; the message says how much is missing.
    """
    import optuna  # noqa: PLC0415  half a second that only the search needs

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = data_dir / "models" / "tuning"
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=_name(job),
        storage=f"sqlite:///{folder / 'studies.db'}",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=job.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    told = _teller(on_trial)
    study.optimize(lambda trial: _loss(trial, job, lake, networks), n_trials=trials, callbacks=[told])
    chosen = study.best_trial
    found = Tuned(chosen.params["network"], chosen.params["step_s"], float(chosen.values[0]), len(study.trials))
    path = folder / f"{_name(job)}.json"
    aside = path.with_suffix(".tmp")
    aside.write_bytes(msgspec.json.encode(found))
    aside.replace(path)
    return found


def best(data_dir: Path, job: Job) -> Job:
    """The job with the step that a search found best for its network, or as it is."""
    path = data_dir / "models" / "tuning" / f"{_name(job)}.json"
    if not path.is_file():
        return job
    found = msgspec.json.decode(path.read_bytes(), type=Tuned)
    return replace(job, step_s=found.step_s) if found.network == job.network else job


def _name(job: Job) -> str:
    return f"{job.venue}-{job.symbol}-{job.horizon_s}"


def _teller(on_trial: OnTrial) -> Callable[[optuna.Study, optuna.trial.FrozenTrial], None]:
    def tell(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        pruned = trial.state.name == "PRUNED"
        on_trial(trial.number, None if pruned or trial.values is None else float(trial.values[0]), trial.params)

    return tell


def _loss(trial: optuna.Trial, job: Job, lake: Lake, networks: tuple[str, ...]) -> float:
    """QLIKE on the validation part; a trial whose losses lag behind those of the others is pruned between epochs."""
    import optuna  # noqa: PLC0415  as above

    network = named(trial.suggest_categorical("network", networks))
    step_s = trial.suggest_categorical("step_s", STEPS_S)
    series = read(lake, job.venue, job.symbol, step_s).series
    dataset = build([series], job.horizon_s, feature_set=network.feature_set, steps=job.steps)
    fold = walk_forward(dataset, job.folds)[0]

    def report(epoch: int, losses: Mapping[str, float]) -> None:
        trial.report(losses["val_loss"], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    fitted = fitting.fit(dataset, fold, network, seed=job.seed, effort=job.effort, on_epoch=report)
    outcome = dataset.outcomes.log_range[fold.validation]
    output = fitted.outputs(dataset, fold.validation).range
    target = fitting.target_of(dataset.outcomes.log_range[fold.training]).levelled(outcome, output)
    return float(np.mean(qlike(outcome, target.log_range(output))))
