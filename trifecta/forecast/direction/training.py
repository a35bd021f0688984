"""From M15 bars in the lake to a version folder: walk forward, judge, export, write it whole or not at all.

As with ranges, what may serve is what was judged: the networks of the last fold.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import numpy as np

from trifecta.clock import NS_PER_S, Clock
from trifecta.forecast import fingerprint
from trifecta.forecast.cards import curves, direction_markdown, training_plot
from trifecta.forecast.contest import SEED, OnStep
from trifecta.forecast.dataset import fit_scaler
from trifecta.forecast.direction import gate
from trifecta.forecast.direction.bars import STEPS, VERSION
from trifecta.forecast.direction.contest import ENSEMBLE, TRAINERS, Contest, Plan, hold, members_of
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.probabilities import Summary, log_losses
from trifecta.forecast.direction.recorded import read
from trifecta.forecast.direction.rivals import RIVALS
from trifecta.forecast.direction.versions import Draft, Version
from trifecta.forecast.drift import reference
from trifecta.forecast.duel import Duel
from trifecta.forecast.files import Card, Scaler, Score
from trifecta.forecast.fitting import Effort
from trifecta.forecast.folds import FOLDS
from trifecta.forecast.recorded_flow import Recorded
from trifecta.forecast.records import Key
from trifecta.forecast.runs import Runs, Shares, digest, key
from trifecta.forecast.targets import Target
from trifecta.forecast.training import WORK, code, files_of
from warehouse.lake import Lake

HORIZON_S = 3600


@dataclass(frozen=True)
class Job:
    """Networks to train on the direction of one instrument."""

    venue: str
    symbol: str
    horizon_s: int = HORIZON_S
    network: str = ENSEMBLE
    steps: int = STEPS
    folds: int = FOLDS
    seed: int = SEED
    effort: Effort = field(default_factory=Effort)

    @property
    def key(self) -> Key:
        return Key(self.venue, self.symbol, self.horizon_s, Target.DIRECTION)

    @property
    def plan(self) -> Plan:
        return Plan(self.horizon_s, (self.network,), self.steps, self.folds, self.seed, self.effort)


@dataclass(frozen=True)
class Trained:
    """A version that was written, how it and what it was compared with did, and whether the champion did better."""

    version: Version
    summaries: Mapping[str, Summary]
    duel: Duel | None = None


def train(
    job: Job,
    lake: Lake,
    models: Path,
    clock: Clock,
    *,
    on_step: OnStep = lambda step: None,
    champion: Model | None = None,
) -> Trained:
    """The job's networks, trained on what the lake holds and judged; the folder appears in `models` when it is whole.

    A run that was killed goes on behind the last network that was done, as long as the lake holds the same bars.

    Args:
        champion: what serves now, to be compared with at the same origins.

    Raises:
        DataError: the network is not known, or there is too little to train or judge; the message says how much.
    """
    members_of(job.network)
    recorded = read(lake, job.venue, job.symbol)
    data = digest(*recorded.series.columns)
    work = models / WORK / key(job, data, VERSION, fingerprint.of(*TRAINERS))
    contest = hold([recorded.series], job.plan, runs=Runs(work, Shares), on_step=on_step)
    duel = None if champion is None else fight(contest, job.network, champion)
    told = () if duel is None else (str(duel),)
    written = Version.write(models, draft_of(contest, recorded, clock.now_ns(), notes=told))
    shutil.rmtree(work, ignore_errors=True)
    return Trained(written, {name: contest.summary(name) for name in contest.tried}, duel)


def fight(contest: Contest, name: str, champion: Model) -> Duel:
    """The network of that name against a champion, on the last fold's test part, some of which it may have seen."""
    rows, last = contest.fold.test, contest.trial.fold == contest.fold.number
    theirs = champion.said(contest.data.panel, rows)
    known = np.isfinite(theirs[:, 0])
    way = contest.data.way[rows][known]
    ours, best = (
        float(log_losses(made[known], way).mean()) if known.any() else nan
        for made in (contest.tried[name][last], theirs)
    )
    return Duel(champion.version.name, int(known.sum()), ours, best, "log loss")


def draft_of(contest: Contest, recorded: Recorded, created_ns: int, *, notes: tuple[str, ...] = ()) -> Draft:
    """The version that the contest's one network, or ensemble, makes."""
    (name,) = contest.plan.networks
    panel, fold = contest.data.panel, contest.fold
    runs = [contest.runs[member] for member in members_of(name)]
    summaries = {one: contest.summary(one) for one in contest.tried}
    fitted = fit_scaler(panel, fold.training)
    ends_s = panel.ends_s[panel.origins]
    card = Card(
        data=f"M15 bars of {recorded.series.name}",
        tables={recorded.table: recorded.version},
        since_ns=int(ends_s[0]) * NS_PER_S,
        until_ns=int(ends_s[-1]) * NS_PER_S,
        feature_version=VERSION,
        commit=code(),
        seed=contest.plan.seed,
        windows={"train": len(fold.training), "validation": len(fold.validation), "test": len(fold.test)},
        scores=scores(contest, name),
        gate=gate.judge(name, summaries),
        notes=(*notes, *_notes(contest)),
    )
    return Draft(
        venue=recorded.series.venue,
        symbol=recorded.series.symbol,
        horizon_s=panel.horizon_s,
        steps=panel.steps,
        network=name,
        graphs=files_of([run.graph for run in runs]),
        scaler=Scaler(panel.names, tuple(fitted.mean.tolist()), tuple(fitted.scale.tolist())),
        calibration=contest.calibrations[name],
        inputs=reference(panel.table[fold.training], panel.names),
        card=card,
        created_ns=created_ns,
        extra={
            "card.md": direction_markdown(card, name).encode(),
            "log.csv": curves(runs),
            "plots/training.png": training_plot(runs),
        },
    )


def scores(contest: Contest, name: str) -> tuple[Score, ...]:
    """Of the network and of each rival, over all test parts (fold -1) and for each."""
    found = []
    for fold in (-1, *np.unique(contest.trial.fold).tolist()):
        ours = contest.summary(name, fold)
        for forecaster in (name, *RIVALS):
            one = contest.summary(forecaster, fold)
            found.append(
                Score(
                    forecaster,
                    fold,
                    one.origins,
                    p_value=ours.p.get(forecaster),
                    brier=one.brier,
                    hit_rate=one.hit_rate,
                    calibration=one.calibration,
                    log_loss=one.log_loss,
                )
            )
    return tuple(found)


def _notes(contest: Contest) -> tuple[str, ...]:
    panel = contest.data.panel
    counts = np.bincount(contest.data.way[panel.origins], minlength=3) / len(panel.origins)
    told = ", ".join(f"{share:.1%} {way}" for share, way in zip(counts, ("down", "neither", "up"), strict=True))
    found = [f"{len(panel.origins):,} origins, {panel.lost:,} lost to holes and ends; {told} after the spread"]
    if any(series.venue.startswith("sim_") for series in panel.series):
        found.append("SIMULATED: trained on a simulated or replayed market")
    return tuple(found)
