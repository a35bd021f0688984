"""A walk forward through M15 bars: each fold trains on its past, and all are judged on its test part.

Every forecaster's probabilities are made honest on the validation part alike, so that none wins by its level alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trifecta.errors import DataError
from trifecta.forecast import fitting
from trifecta.forecast.contest import SEED, OnStep, Step
from trifecta.forecast.dataset import Panel, Rows, Scaler, Windows, fit_scaler
from trifecta.forecast.direction import rivals
from trifecta.forecast.direction.bars import STEPS, Directions, build
from trifecta.forecast.direction.probabilities import Calibration, Summary, Trial, calibrate, summarise
from trifecta.forecast.fitting import PREDICT_BATCH, Effort
from trifecta.forecast.folds import FOLDS, Fold, separate, walk_forward
from trifecta.forecast.minutes import Floats
from trifecta.forecast.networks import DIRECTION, named
from trifecta.forecast.networks import build as network_of
from trifecta.forecast.runs import Run, Runs, Shares
from trifecta.forecast.series import Series

MEMBERS = ("lstm", "transformer")
ENSEMBLE = "ensemble"
NAMES = (*MEMBERS, ENSEMBLE)
TRAINERS = ("trifecta.forecast.direction.contest",)
"""What decides a trained network's outputs, next to the data and the plan."""


@dataclass(frozen=True)
class Plan:
    """What decides the result of a contest, next to the data."""

    horizon_s: int
    networks: tuple[str, ...] = NAMES
    steps: int = STEPS
    folds: int = FOLDS
    seed: int = SEED
    effort: Effort = field(default_factory=Effort)

    @property
    def members(self) -> tuple[str, ...]:
        """Networks to train: the ensemble's members in its place."""
        return tuple(dict.fromkeys(one for name in self.networks for one in members_of(name)))


@dataclass(frozen=True)
class Contest:
    """What came of it; `fold`, `runs` and `calibrations` are those of the last fold."""

    plan: Plan
    data: Directions
    fold: Fold
    trial: Trial
    tried: Mapping[str, Floats]
    runs: Mapping[str, Run[Shares]]
    calibrations: Mapping[str, Calibration]

    def summary(self, name: str, fold: int = -1) -> Summary:
        """Of one forecaster over all test parts, or that of one fold."""
        if fold < 0:
            return summarise(self.trial, self.tried, name, rivals.RIVALS)
        rows = np.flatnonzero(self.trial.fold == fold)
        share = len(rows) / len(self.trial.fold)
        columns = (self.trial.ends_s[rows], self.trial.fold[rows], self.trial.way[rows])
        trial = Trial(*columns, self.trial.overlap, self.trial.separate * share)
        return summarise(trial, {one: made[rows] for one, made in self.tried.items()}, name, rivals.RIVALS)


def members_of(name: str) -> tuple[str, ...]:
    """The networks that are trained for that name.

    Raises:
        DataError: no direction is told by that name.
    """
    if name not in NAMES:
        raise DataError(f"network {name!r} tells no direction: choose one of {', '.join(NAMES)}")
    return MEMBERS if name == ENSEMBLE else (name,)


def hold(
    series: Sequence[Series], plan: Plan, *, runs: Runs[Shares] | None = None, on_step: OnStep = lambda step: None
) -> Contest:
    """Every network of the plan and every rival, each on each fold.

    Args:
        runs: where trained outputs are kept; by default nowhere.

    Raises:
        DataError: the data are not enough; the message says how much is missing.
    """
    data = build(series, plan.horizon_s, steps=plan.steps)
    folds = walk_forward(data.panel, plan.folds)
    kept = runs or Runs(None, Shares)
    made: list[dict[str, Floats]] = []
    last: dict[str, Run[Shares]] = {}
    calibrations: dict[str, Calibration] = {}
    for fold in folds:
        parts = _of_rivals(data, fold, plan.seed)
        for number, name in enumerate(plan.members):
            done = fold.number * len(plan.members) + number
            step = Step(done, len(folds) * len(plan.members), f"{name}, fold {fold.number + 1}")
            last[name] = _trained(data, fold, name, plan, kept, step, on_step)
        for name in plan.networks:
            parts[name] = _of_networks([last[member] for member in members_of(name)])
        calibrations = {name: calibrate(past, data.way[fold.validation]) for name, (past, _) in parts.items()}
        made.append({name: calibrations[name].of(later) for name, (_, later) in parts.items()})
    tried = {name: np.concatenate([one[name] for one in made]) for name in made[0]}
    return Contest(plan, data, folds[-1], _trial(data, folds), tried, last, calibrations)


def fitted(
    data: Directions, fold: Fold, name: str, *, seed: int, effort: Effort, on_epoch: fitting.OnEpoch
) -> Run[Shares]:
    """The network trained on the fold's training part. Same data, seed and effort give the same weights."""
    keras = fitting.prepare(seed)
    scaler = fit_scaler(data.panel, fold.training)
    model = network_of(named(name), data.panel.steps, len(data.panel.names), DIRECTION)
    wanted = {"direction": data.way.astype(np.float64)}
    windows = Windows(data.panel, scaler)
    epochs = fitting.learn(keras, model, windows, wanted, fold, seed=seed, effort=effort, on_epoch=on_epoch)
    graph = fitting.export(model)
    said = [outputs(graph, data.panel, scaler, rows) for rows in (fold.validation, fold.test)]
    return Run(said[0], said[1], epochs, graph)


def outputs(graph: bytes, panel: Panel, scaler: Scaler, rows: Rows) -> Shares:
    """What a graph says at these origins, batch by batch."""
    import onnxruntime  # noqa: PLC0415  training alone needs it here

    session, windows = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]), Windows(panel, scaler)
    parts = [
        session.run(["direction"], {"window": windows.batch(rows[start : start + PREDICT_BATCH])})[0]
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    return Shares(np.concatenate(parts).astype(np.float64))


def _of_rivals(data: Directions, fold: Fold, seed: int) -> dict[str, tuple[Floats, Floats]]:
    """What each rival says of the validation and of the test part."""
    rows, count = np.concatenate((fold.validation, fold.test)), len(fold.validation)
    said = rivals.forecasts(data, fold, rows, seed=seed)
    return {name: (shares[:count], shares[count:]) for name, shares in said.items()}


def _of_networks(runs: Sequence[Run[Shares]]) -> tuple[Floats, Floats]:
    """The same of the mean of networks that were trained on this fold, or a single one."""
    past = np.mean([run.validation.direction for run in runs], axis=0)
    return past, np.mean([run.test.direction for run in runs], axis=0)


def _trained(
    data: Directions, fold: Fold, name: str, plan: Plan, runs: Runs[Shares], step: Step, on_step: OnStep
) -> Run[Shares]:
    def make() -> Run[Shares]:
        on_step(step)

        def tell(epoch: int, losses: Mapping[str, float]) -> None:
            on_step(Step(step.done, step.total, f"{step.what}, epoch {epoch}", losses))

        return fitted(data, fold, name, seed=plan.seed, effort=plan.effort, on_epoch=tell)

    return runs.get(f"{name}-{fold.number}", make)


def _trial(data: Directions, folds: Sequence[Fold]) -> Trial:
    rows = np.concatenate([fold.test for fold in folds])
    number = np.repeat([fold.number for fold in folds], [len(fold.test) for fold in folds])
    return Trial(data.panel.ends_s[rows], number, data.way[rows], data.horizon, separate(data.panel, rows))
