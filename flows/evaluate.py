"""Judges champions by what came of the forecasts they served; takes off those that fell behind the baselines."""

from __future__ import annotations

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.deployments import arun_deployment

from flows.cards import live_table
from flows.report import NOTED, begin, marked, report_drift
from flows.retry import STEP
from trifecta.clock import SystemClock
from trifecta.errors import DataError
from trifecta.forecast import live, registry
from trifecta.forecast.direction import live as directions
from trifecta.forecast.drift import Report
from trifecta.forecast.records import Record
from trifecta.forecast.targets import Target
from trifecta.settings import Settings
from warehouse import Lake
from warehouse.ledger import Ledger

TRAIN = "train/train"
REPORTS = {Target.RANGE: live.report, Target.DIRECTION: directions.report}


@task(task_run_name="judge {record.version}", **STEP)
def judge(settings: Settings, record: Record) -> Report:
    span_s, now_ns = settings.forecast.live_span_s, SystemClock().now_ns()
    report = REPORTS[record.key.target]
    return report(Lake(settings.lake), record, settings.data_dir, span_s=span_s, now_ns=now_ns)


@task(task_run_name="demote {found.version}", **STEP)
def demote(ledger: Ledger, found: Report) -> Record:
    return registry.demote(ledger, found.version, SystemClock().now_ns(), found.judgement.reason)


@task(task_run_name="train {record.key.symbol} anew", **STEP)
async def train_anew(record: Record) -> None:
    """Starts the training of what drifted, and does not wait for it."""
    key = record.key
    asked = {"venue": key.venue, "symbol": key.symbol, "horizon_s": key.horizon_s, "network": record.network}
    await arun_deployment(TRAIN, parameters=asked, timeout=0, as_subflow=False)


@task(task_run_name="show live losses", **STEP)
async def show(markdown: str, about: str) -> None:
    await acreate_markdown_artifact(key="live", markdown=markdown, description=about)


@flow(flow_run_name="judge what was served", **NOTED)
async def evaluate(retrain: bool = True) -> list[str]:
    """Returns the champions that were demoted.

    Args:
        retrain: starts `train` for a champion that was demoted or whose inputs moved away.
    """
    settings, reports, problems, demoted = begin(), list[Report](), dict[str, str](), list[str]()
    with Ledger(settings.ledger) as ledger:
        ledger.migrate()
        for record in registry.champions(ledger).values():
            try:
                found = judge(settings, record)
            except DataError as error:
                problems[record.version] = str(error)
                continue
            reports.append(found)
            if found.judgement.demote:
                demoted.append(demote(ledger, found).version)
            if retrain and (found.judgement.demote or found.moved):
                await train_anew(record)
    moved = {one.version: [f"{name} {one.psi[name]:.2f}" for name in one.moved] for one in reports if one.moved}
    away = {version: f"inputs moved away (PSI): {', '.join(told)}" for version, told in moved.items()}
    report_drift(settings.run_dir, away)
    await show(live_table(reports, problems), marked(settings, "Served forecasts against what came"))
    return demoted
