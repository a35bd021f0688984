"""From order flow in the lake to a version folder: walk forward, judge, export, write it whole or not at all.

What is served is what was judged: the network of the last fold, not one trained anew on the test part. A run that was
killed goes on with the table version it began with, behind the last network that was done.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed
from pathlib import Path

import msgspec
import numpy as np

from trifecta.clock import NS_PER_S, Clock
from trifecta.errors import DataError
from trifecta.forecast import fingerprint, gate
from trifecta.forecast.cards import curves, markdown, plots
from trifecta.forecast.conformal import Calibration, calibrate, least
from trifecta.forecast.contest import COVERAGE, SEED, Contest, OnStep, Plan, hold, members_of
from trifecta.forecast.dataset import Dataset, fit_scaler
from trifecta.forecast.drift import reference
from trifecta.forecast.duel import Duel, fight
from trifecta.forecast.files import Card, Score
from trifecta.forecast.fitting import Effort
from trifecta.forecast.folders import GRAPH, INT8
from trifecta.forecast.folds import FOLDS
from trifecta.forecast.graph import Graph
from trifecta.forecast.inputs import STEPS, VERSION
from trifecta.forecast.networks import named
from trifecta.forecast.quantized import judged, quantized
from trifecta.forecast.recorded_flow import Recorded, read
from trifecta.forecast.records import Key
from trifecta.forecast.runs import Outputs, Runs, key
from trifecta.forecast.scores import RIVALS, Summary, part, summarise
from trifecta.forecast.versions import Draft, Scaler, Target, Thresholds, Version
from warehouse.errors import RefusedError
from warehouse.lake import Lake

WORK = ".work"
TRAINERS = ("trifecta.forecast.fitting", "trifecta.forecast.folds")
"""What decides a trained network's outputs, next to the data and the plan."""
STALE_S = 24 * 3600
"""A run that was killed longer ago begins anew, on newer data."""


@dataclass(frozen=True)
class Job:
    """A network to train for one horizon of one instrument."""

    venue: str
    symbol: str
    horizon_s: int
    network: str = "lstm"
    step_s: int = 1
    steps: int = STEPS
    folds: int = FOLDS
    seed: int = SEED
    coverage: float = COVERAGE
    effort: Effort = field(default_factory=Effort)

    @property
    def key(self) -> Key:
        return Key(self.venue, self.symbol, self.horizon_s)

    @property
    def plan(self) -> Plan:
        return Plan(self.horizon_s, (self.network,), self.steps, self.folds, self.seed, self.coverage, self.effort)


@dataclass(frozen=True)
class Trained:
    """A version that was written, how it and what it was compared with did, and whether the champion did better."""

    version: Version
    summaries: Mapping[str, Summary]
    duel: Duel | None = None


class _Begun(msgspec.Struct, frozen=True):
    """What a run that may be killed leaves for the next one."""

    table: str
    version: int
    ts_ns: int


def train(
    job: Job,
    lake: Lake,
    models: Path,
    clock: Clock,
    *,
    on_step: OnStep = lambda step: None,
    version: int | None = None,
    champion: Graph | None = None,
) -> Trained:
    """The job's network, trained on what the lake holds and judged; its folder appears in `models` when it is whole.

    Args:
        version: of the table of order flow; by default that of the killed run that is gone on with, or the newest.
        champion: what serves now, to be compared with at the same origins.

    Raises:
        DataError: the network is not known, or there is too little to train, calibrate or judge; the message says how
            much is missing.
    """
    members_of(job.network)
    work = models / WORK / key(job, VERSION, fingerprint.of(*TRAINERS))
    recorded = _recorded(job, lake, work, clock, version)
    contest = hold(
        [recorded.series], job.plan, validated=least(job.coverage), runs=Runs(work, Outputs), on_step=on_step
    )
    duel = None if champion is None else _duel(contest, job, lake, recorded, champion)
    told = () if duel is None else (str(duel),)
    draft = draft_of(contest, recorded, clock.now_ns(), data=f"{recorded.table} of {recorded.series.name}", notes=told)
    written = Version.write(models, draft)
    shutil.rmtree(work, ignore_errors=True)
    return Trained(written, summaries_of(contest), duel)


def _duel(contest: Contest, job: Job, lake: Lake, recorded: Recorded, champion: Graph) -> Duel | None:
    if job.network in contest.refused:
        return None
    series = recorded.series
    if champion.step_s != job.step_s:
        table, at = recorded.table, recorded.version
        series = read(lake, job.venue, job.symbol, champion.step_s, table=table, version=at).series
    return fight(contest, job.network, champion, series)


def summaries_of(contest: Contest) -> dict[str, Summary]:
    """Of every forecaster over all test parts."""
    return {name: summarise(contest.trial, contest.contenders, name) for name in contest.contenders}


def draft_of(contest: Contest, recorded: Recorded, created_ns: int, *, data: str, notes: tuple[str, ...] = ()) -> Draft:
    """The version that the contest's one network makes.

    Raises:
        DataError: the network could not take part, or the validation part is too short for its interval.
    """
    (name,) = contest.plan.networks
    if name in contest.refused:
        raise DataError(contest.refused[name])
    runs = [contest.runs[member] for member in members_of(name)]
    dataset = contest.datasets[named(members_of(name)[0]).feature_set]
    fold, (target, _) = contest.last.fold, contest.last.levelled(runs)
    fitted = fit_scaler(dataset, fold.training)
    summaries = summaries_of(contest)
    verdict = gate.judge(name, summaries, contest.plan.coverage)
    calibration = _calibration(contest, name)
    graphs = files_of([run.graph for run in runs])
    small, smaller = _small(contest, name, graphs, calibration) if verdict.passed else ({}, ())
    card = Card(
        data=data,
        tables={recorded.table: recorded.version},
        since_ns=int(dataset.ends_s[0]) * NS_PER_S,
        until_ns=int(dataset.ends_s[-1]) * NS_PER_S,
        feature_version=VERSION,
        commit=code(),
        seed=contest.plan.seed,
        windows={"train": len(fold.training), "validation": len(fold.validation), "test": len(fold.test)},
        scores=scores(contest, name),
        gate=verdict,
        notes=(*notes, *_notes(dataset), *smaller),
    )
    borders = contest.last.borders
    return Draft(
        venue=recorded.series.venue,
        symbol=recorded.series.symbol,
        horizon_s=dataset.horizon_s,
        step_s=dataset.step_s,
        steps=dataset.steps,
        network=name,
        graphs=graphs | small,
        scaler=Scaler(
            dataset.names,
            tuple(fitted.mean.tolist()),
            tuple(fitted.scale.tolist()),
            tuple(fitted.present.tolist()),
            Target(target.mean, target.scale),
        ),
        thresholds=Thresholds(*borders),
        calibration=calibration,
        inputs=reference(dataset.table[fold.training], dataset.names),
        card=card,
        created_ns=created_ns,
        extra={"card.md": markdown(card, name).encode(), "log.csv": curves(runs), **plots(contest, name, runs)},
    )


def scores(contest: Contest, name: str) -> tuple[Score, ...]:
    """Of the network and of each rival, over all test parts (fold -1) and for each."""
    found = []
    for fold in (-1, *np.unique(contest.trial.fold).tolist()):
        trial, tried = (
            part(contest.trial, contest.contenders, fold) if fold >= 0 else (contest.trial, contest.contenders)
        )
        ours = summarise(trial, tried, name)
        for forecaster in (name, *(rival for rival in RIVALS if rival in tried)):
            one = summarise(trial, tried, forecaster)
            told = (one.coverage, one.width, one.brier, one.hit_rate, one.calibration)
            found.append(Score(forecaster, fold, one.origins, one.qlike, one.mae, ours.p.get(forecaster), *told))
    return tuple(found)


def code() -> str:
    """The commit of the code that runs, or the version that is installed."""
    folder = Path(__file__).parent
    try:
        told = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],  # noqa: S607  whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return f"trifecta {installed('trifecta')}"
    return told.stdout.strip()


def _recorded(job: Job, lake: Lake, work: Path, clock: Clock, version: int | None) -> Recorded:
    """The order flow of the version asked for, or of the run that was killed, or the newest."""
    path = work / "begun.json"
    if version is None and path.is_file():
        begun = msgspec.json.decode(path.read_bytes(), type=_Begun)
        if clock.now_ns() - begun.ts_ns < STALE_S * NS_PER_S:
            try:
                return read(lake, job.venue, job.symbol, job.step_s, table=begun.table, version=begun.version)
            except RefusedError:
                pass  # compacted meanwhile: what was trained on it is of no use
    shutil.rmtree(work, ignore_errors=True)
    found = read(lake, job.venue, job.symbol, job.step_s, version=version)
    work.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(_Begun(found.table, found.version, clock.now_ns())))
    return found


def _calibration(contest: Contest, name: str) -> Calibration:
    last = contest.last
    _, past = last.levelled([contest.runs[member] for member in members_of(name)])
    coverage = contest.plan.coverage
    found = calibrate(
        last.past_outcome, past.log_range, past.volatility, coverage=coverage, separate=int(last.separate)
    )
    if found is None:
        needed = least(coverage)
        raise DataError(
            f"the validation part holds {last.separate:.1f} separate horizons of {contest.plan.horizon_s} s, an "
            f"interval of {coverage:.0%} needs {needed}: record longer, take a shorter horizon or state less coverage"
        )
    return found


def files_of(graphs: Sequence[bytes]) -> dict[str, bytes]:
    """A version's graphs by file name."""
    if len(graphs) == 1:
        return {GRAPH: graphs[0]}
    return {f"model_{number}.onnx": graph for number, graph in enumerate(graphs)}


def _small(
    contest: Contest, name: str, graphs: Mapping[str, bytes], calibration: Calibration
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The int8 graph where it passes the gate that the network passed, and what to tell of it."""
    if GRAPH not in graphs:
        return {}, ()
    made = quantized(graphs[GRAPH])
    verdict = judged(contest, name, made, calibration)
    if verdict.passed:
        return {INT8: made}, ("served with int8 weights, which passed the same gate on the last fold",)
    return {}, (f"served with float weights: int8 ones did not pass the gate on the last fold ({verdict.lacking})",)


def _notes(dataset: Dataset) -> tuple[str, ...]:
    masked = [name for name, given in zip(dataset.names, dataset.present, strict=True) if not given]
    found = [f"{len(dataset.origins):,} origins, {dataset.lost:,} lost to gaps and ends"]
    if masked:
        found.append(f"masked, because the source does not give them: {', '.join(masked)}")
    if any(series.venue.startswith("sim_") for series in dataset.series):
        found.append("SIMULATED: trained on a simulated or replayed market")
    return tuple(found)
