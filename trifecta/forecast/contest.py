"""A walk forward through one data set: every fold trains on its past, and all forecasters are judged on its test part.

Origins, thresholds and the time that is judged are the same for all of them. What networks need TensorFlow for is kept
run by run, so that a contest that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trifecta.errors import DataError
from trifecta.forecast import fitting
from trifecta.forecast.dataset import Dataset, Rows, build
from trifecta.forecast.fitting import Effort, Target, target_of
from trifecta.forecast.folds import FOLDS, LEAST_VALIDATION, Fold, separate, walk_forward
from trifecta.forecast.forecasts import Forecast
from trifecta.forecast.inputs import STEPS, FeatureSet, Mask
from trifecta.forecast.labels import Thresholds, classes, thresholds
from trifecta.forecast.minutes import Floats
from trifecta.forecast.networks import ENSEMBLES, named
from trifecta.forecast.rivals import TREES, baselines, trees
from trifecta.forecast.runs import Outputs, Run, Runs
from trifecta.forecast.scores import Contender, Trial, joined, of_range, stated
from trifecta.forecast.series import Series

SEED = 7
COVERAGE = 0.9
LEAST_KNOWN = 0.5
"""A baseline that forecasts less of a part takes no part in it, instead of making all others wait for it."""


@dataclass(frozen=True)
class Plan:
    """What decides the result of a contest, next to the data."""

    horizon_s: int
    networks: tuple[str, ...]
    steps: int = STEPS
    folds: int = FOLDS
    seed: int = SEED
    coverage: float = COVERAGE
    effort: Effort = field(default_factory=Effort)

    @property
    def members(self) -> tuple[str, ...]:
        """Networks to train: an ensemble's members in its place."""
        return tuple(dict.fromkeys(one for name in self.networks for one in members_of(name)))


@dataclass(frozen=True)
class Step:
    """How far a contest is: `done` of `total` trainings, now at `what`, whose last epoch had these losses."""

    done: int
    total: int
    what: str
    losses: Mapping[str, float] = field(default_factory=dict)


OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Judging:
    """One fold as every forecaster is judged on it: `kept` of its test origins are those that all baselines know."""

    fold: Fold
    past_outcome: Floats
    outcome: Floats
    kept: Mask
    borders: Thresholds
    target: Target
    separate: float
    coverage: float

    def of_network(self, name: str, runs: Sequence[Run[Outputs]]) -> Contender:
        """The mean of networks that were trained on this fold, or a single one."""
        made = mean_of([run.test for run in runs])
        target, past = self.levelled(runs)
        forecast = Forecast(target.log_range(made.range)[self.kept], made.volatility[self.kept])
        found = stated(name, past, self.past_outcome, forecast, coverage=self.coverage, separate=self.separate)
        return replace(found, trend=made.trend[self.kept])

    def levelled(self, runs: Sequence[Run[Outputs]]) -> tuple[Target, Forecast]:
        """The target of these networks' mean, its level set by the validation part, and its forecasts of that part."""
        past = mean_of([run.validation for run in runs])
        target = self.target.levelled(self.past_outcome, past.range)
        return target, Forecast(target.log_range(past.range), past.volatility)

    def of_range(self, name: str, past: Floats, made: Floats) -> Contender:
        """A forecaster of the range alone, by what it said of the validation and the whole test part."""
        return of_range(
            name, past, self.past_outcome, made[self.kept], self.borders, coverage=self.coverage, separate=self.separate
        )


@dataclass(frozen=True)
class Contest:
    """What came of it. `last` and `runs` are those of the last fold; `refused` says why a network took no part."""

    plan: Plan
    datasets: Mapping[FeatureSet, Dataset]
    last: Judging
    trial: Trial
    contenders: Mapping[str, Contender]
    runs: Mapping[str, Run[Outputs]]
    refused: Mapping[str, str]


def members_of(name: str) -> tuple[str, ...]:
    """The networks that are trained for that name.

    Raises:
        DataError: there is no network of that name.
    """
    return ENSEMBLES[name] if name in ENSEMBLES else (named(name).name,)


def hold(
    series: Sequence[Series],
    plan: Plan,
    *,
    validated: int = LEAST_VALIDATION,
    runs: Runs[Outputs] | None = None,
    on_step: OnStep = lambda step: None,
) -> Contest:
    """Every network of the plan, every baseline and the trees, each on each fold.

    Args:
        validated: separate horizons that the last validation part must hold.
        runs: where trained outputs are kept; by default nowhere.

    Raises:
        DataError: the data are not enough; the message says how much is missing.
    """
    datasets, refused = _datasets(series, plan)
    whole = datasets[FeatureSet.EXTENDED]
    folds = walk_forward(whole, plan.folds, validated=validated)
    members = [name for name in plan.members if name not in refused]
    contenders: list[dict[str, Contender]] = []
    judged: list[Judging] = []
    last: dict[str, Run[Outputs]] = {}
    for fold in folds:
        judging, made = _rivals(whole, fold, plan)
        for number, name in enumerate(members):
            done = Step(
                fold.number * len(members) + number, len(folds) * len(members), f"{name}, fold {fold.number + 1}"
            )
            last[name] = _train(
                datasets[named(name).feature_set], fold, name, plan, runs or Runs(None, Outputs), done, on_step
            )
        for name in plan.networks:
            if name not in refused:
                made[name] = judging.of_network(name, [last[member] for member in members_of(name)])
        contenders.append(made)
        judged.append(judging)
    shared = [name for name in contenders[0] if all(name in made for made in contenders)]
    parts = {name: joined([made[name] for made in contenders]) for name in shared}
    return Contest(plan, datasets, judged[-1], _trial(whole, judged), parts, last, refused)


def judging_of(dataset: Dataset, fold: Fold, plan: Plan, kept: Mask) -> Judging:
    """The fold with its training part's thresholds and target."""
    log_range = dataset.outcomes.log_range
    return Judging(
        fold,
        log_range[fold.validation],
        log_range[fold.test[kept]],
        kept,
        thresholds(log_range[fold.training]),
        target_of(log_range[fold.training]),
        separate(dataset, fold.validation),
        plan.coverage,
    )


def _datasets(series: Sequence[Series], plan: Plan) -> tuple[dict[FeatureSet, Dataset], dict[str, str]]:
    """A data set of each feature set that is needed, and why networks of a set that cannot be had are refused.

    The largest set has the fewest origins, since its features have the longest memory: all are judged on those.
    """
    extended = build(series, plan.horizon_s, feature_set=FeatureSet.EXTENDED, steps=plan.steps)
    found, refused = {FeatureSet.EXTENDED: extended}, {}
    for name in dict.fromkeys((*plan.networks, *plan.members)):
        for feature_set in {named(member).feature_set for member in members_of(name)} - set(found):
            try:
                found[feature_set] = build(series, plan.horizon_s, feature_set=feature_set, steps=plan.steps)
            except DataError as error:
                refused[name] = str(error)
    return found, refused


def _rivals(dataset: Dataset, fold: Fold, plan: Plan) -> tuple[Judging, dict[str, Contender]]:
    count = len(fold.validation)
    rows = np.concatenate((fold.validation, fold.test))
    made = {str(method): found for method, found in baselines(dataset, rows).items()}
    known = {name: np.isfinite(found[count:]) for name, found in made.items()}
    known = {name: mask for name, mask in known.items() if mask.mean() >= LEAST_KNOWN}
    kept = np.logical_and.reduce([np.ones(len(fold.test), np.bool_), *known.values()])
    judging = judging_of(dataset, fold, plan, kept)
    made = {name: made[name] for name in known} | {TREES: trees(dataset, fold, rows, seed=plan.seed)}
    return judging, {name: judging.of_range(name, found[:count], found[count:]) for name, found in made.items()}


def _train(
    dataset: Dataset, fold: Fold, name: str, plan: Plan, runs: Runs[Outputs], step: Step, on_step: OnStep
) -> Run[Outputs]:
    def make() -> Run[Outputs]:
        on_step(step)
        fitted = fitting.fit(
            dataset,
            fold,
            named(name),
            seed=plan.seed,
            effort=plan.effort,
            on_epoch=lambda epoch, losses: on_step(Step(step.done, step.total, f"{step.what}, epoch {epoch}", losses)),
        )
        later = [fitted.outputs(dataset, rows) for rows in (fold.validation, fold.test)]
        return Run(later[0], later[1], fitted.epochs, fitted.graph)

    return runs.get(f"{name}-{fold.number}", make)


def mean_of(parts: Sequence[Outputs]) -> Outputs:
    return Outputs(*(np.mean(column, axis=0) for column in zip(*parts, strict=True)))


def _trial(dataset: Dataset, judged: Sequence[Judging]) -> Trial:
    tests: list[Rows] = [one.fold.test[one.kept] for one in judged]
    rows = np.concatenate(tests)
    return Trial(
        ends_s=dataset.ends_s[rows],
        fold=np.repeat([one.fold.number for one in judged], [len(test) for test in tests]),
        outcome=np.concatenate([one.outcome for one in judged]),
        classes=np.concatenate([classes(one.outcome, one.borders) for one in judged]),
        overlap=dataset.horizon_s // dataset.origin_s,
        separate=separate(dataset, rows),
        trend=dataset.outcomes.trend[rows],
    )
