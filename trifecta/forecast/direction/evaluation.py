"""Every direction network and rival on recorded M15 bars, one row a model and horizon. The row says what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from trifecta.errors import DataError
from trifecta.forecast import fingerprint
from trifecta.forecast.contest import Step
from trifecta.forecast.direction import gate
from trifecta.forecast.direction.bars import VERSION
from trifecta.forecast.direction.contest import NAMES, TRAINERS, Contest, Plan, hold
from trifecta.forecast.direction.rivals import RIVALS
from trifecta.forecast.fitting import Effort
from trifecta.forecast.runs import Shares, digest
from trifecta.forecast.runs import kept as runs_of
from trifecta.forecast.series import Series

HORIZONS_S = (3600,)


@dataclass(frozen=True)
class Row:
    """One model on one data set at one horizon, over the test parts of all folds.

    `loss` is the log loss of its three probabilities, `p` for each rival the probability that the lead over it is
    chance, `hit_rate` the share of moves beyond the spread whose likelier side came, `error` the mean distance between
    stated and true shares of the sides. `passed` is the gate's verdict on a network. Of a model that could not take
    part all is None, and `note` says why.
    """

    data: str
    horizon_s: int
    model: str
    loss: float | None = None
    brier: float | None = None
    p: dict[str, float] = field(default_factory=dict)
    hit_rate: float | None = None
    error: float | None = None
    calibration: float | None = None
    origins: int = 0
    separate: float = 0.0
    passed: bool | None = None
    note: str = ""
    target: str = "direction"


def evaluate(
    data: str,
    series: Sequence[Series],
    *,
    effort: Effort,
    horizons_s: Sequence[int] = HORIZONS_S,
    kept: Path | None = None,
    on_step: Callable[[str, int, Step], None] = lambda name, horizon_s, step: None,
) -> Iterator[Row]:
    """Rows of every model at each horizon, as they are done.

    Args:
        kept: folder for what was trained, so that an evaluation that was stopped goes on; other code trains anew.
    """
    digits = digest(*(part for one in series for part in one.columns))
    for horizon_s in horizons_s:
        plan = Plan(horizon_s, NAMES, effort=effort)
        deciding = (plan, digits, VERSION, fingerprint.of(*TRAINERS))
        runs = runs_of(kept, f"direction-{data}-{horizon_s}", Shares, *deciding)
        try:
            contest = hold(series, plan, runs=runs, on_step=partial(on_step, data, horizon_s))
        except DataError as error:
            yield from (Row(data, horizon_s, name, note=str(error)) for name in (*RIVALS, *NAMES))
        else:
            yield from _rows(data, horizon_s, contest)


def _rows(data: str, horizon_s: int, contest: Contest) -> Iterator[Row]:
    summaries = {name: contest.summary(name) for name in contest.tried}
    for name, one in summaries.items():
        verdict = None if name in RIVALS else gate.judge(name, summaries)
        yield Row(
            data=data,
            horizon_s=horizon_s,
            model=name,
            loss=one.log_loss,
            brier=one.brier,
            p=dict(one.p),
            hit_rate=one.hit_rate,
            error=one.error,
            calibration=one.calibration,
            origins=one.origins,
            separate=one.separate,
            passed=None if verdict is None else verdict.passed,
            note="" if verdict is None else verdict.lacking,
        )
