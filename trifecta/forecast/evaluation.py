"""Every network and baseline on a data set, one row a model and horizon. What the row says is what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from trifecta.errors import DataError
from trifecta.forecast import fingerprint, gate
from trifecta.forecast.contest import COVERAGE, SEED, Contest, Plan, Step, hold
from trifecta.forecast.fitting import Effort
from trifecta.forecast.folds import FOLDS
from trifecta.forecast.inputs import VERSION
from trifecta.forecast.networks import ENSEMBLES, NETWORKS
from trifecta.forecast.recorded_flow import read
from trifecta.forecast.recordings import RECORDINGS, series_of
from trifecta.forecast.runs import Outputs, digest
from trifecta.forecast.runs import kept as runs_of
from trifecta.forecast.scores import RIVALS, summarise
from trifecta.forecast.series import Series
from trifecta.forecast.training import TRAINERS, summaries_of
from warehouse.lake import Lake

EFFORT = Effort(epochs=8, patience=2, windows=3000)
"""3,000 windows an epoch, drawn anew from the whole training part: half an hour for all data sets on two cores."""


@dataclass(frozen=True)
class Row:
    """One model on one data set at one horizon, over the test parts of all folds.

    `loss` is QLIKE, `mae` the mean absolute error of the log range. `p` is for each baseline the probability that the
    model's lead over it is chance. `coverage` and `width` are those of its interval; None where none can be stated.
    `hit_rate` is that of its volatility classes, `trend_hits` that of a network's trend.
    `passed` is the gate's verdict on a network. Of a model that could not take part all is None, and `note` says why.
    """

    data: str
    horizon_s: int
    model: str
    loss: float | None = None
    mae: float | None = None
    p: dict[str, float] = field(default_factory=dict)
    coverage: float | None = None
    width: float | None = None
    hit_rate: float | None = None
    trend_hits: float | None = None
    brier: float | None = None
    calibration: float | None = None
    origins: int = 0
    separate: float = 0.0
    passed: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class Market:
    """A data set by name."""

    name: str
    horizons_s: tuple[int, ...]
    series: tuple[Series, ...]


OnStep = Callable[[str, int, Step], None]


def market(name: str, *, folder: Path | None, lake: Lake, horizons_s: Sequence[int], step_s: int = 1) -> Market:
    """The recorded data set of that name below `folder`, or VENUE/SYMBOL of the lake.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    if name in RECORDINGS:
        if folder is None:
            raise DataError(f"data set {name} is read from files: say --folder with the folder that holds them")
        found = RECORDINGS[name]
        return Market(name, found.horizons_s, series_of(found, folder))
    venue, slash, symbol = name.partition("/")
    if not slash:
        raise DataError(f"data set {name!r} is not known: choose one of {', '.join(RECORDINGS)}, or VENUE/SYMBOL")
    return Market(name, tuple(horizons_s), (read(lake, venue, symbol, step_s).series,))


def evaluate(
    given: Market,
    *,
    folds: int = FOLDS,
    seed: int = SEED,
    effort: Effort = EFFORT,
    kept: Path | None = None,
    on_step: OnStep = lambda name, horizon_s, step: None,
) -> Iterator[Row]:
    """Rows of every model at each horizon of the data set, as they are done.

    Args:
        kept: folder for what was trained, so that an evaluation that was stopped goes on; other code trains anew.
    """
    names = (*NETWORKS, *ENSEMBLES)
    data = digest(*(part for one in given.series for part in one.columns))
    for horizon_s in given.horizons_s:
        plan = Plan(horizon_s, names, folds=folds, seed=seed, coverage=COVERAGE, effort=effort)
        deciding = (plan, data, VERSION, fingerprint.of(*TRAINERS))
        runs = runs_of(kept, f"{given.name}-{horizon_s}", Outputs, *deciding)
        try:
            contest = hold(given.series, plan, runs=runs, on_step=partial(on_step, given.name, horizon_s))
        except DataError as error:
            yield from (Row(given.name, horizon_s, name, note=str(error)) for name in (*RIVALS, *names))
        else:
            yield from _rows(given.name, horizon_s, contest)


def _rows(data: str, horizon_s: int, contest: Contest) -> Iterator[Row]:
    summaries = summaries_of(contest)
    for name in (*RIVALS, *contest.plan.networks):
        if name not in contest.contenders:
            yield Row(data, horizon_s, name, note=contest.refused.get(name, "too little history"))
            continue
        one = summarise(contest.trial, contest.contenders, name)
        verdict = None if name in RIVALS else gate.judge(name, summaries, contest.plan.coverage)
        yield Row(
            data=data,
            horizon_s=horizon_s,
            model=name,
            loss=one.qlike,
            mae=one.mae,
            p=dict(one.p),
            coverage=one.coverage,
            width=one.width,
            hit_rate=one.hit_rate,
            trend_hits=one.trend_hits,
            brier=one.brier,
            calibration=one.calibration,
            origins=one.origins,
            separate=one.separate,
            passed=None if verdict is None else verdict.passed,
            note="" if verdict is None else verdict.lacking,
        )
