"""What `prefect.yaml` promises, and when a step is tried again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Failed

import flows.backfill
import flows.compact
import flows.evaluate
import flows.ingest
import flows.performance
import flows.publish
import flows.quality
import flows.retention
import flows.scan
import flows.train
import flows.tune
from flows.deploy import QUEUE, ROOT, SCANNING
from flows.report import note
from flows.retry import transient
from trifecta.capture.replay import replay
from trifecta.clock import ManualClock
from trifecta.errors import PermanentError, TransientError
from trifecta.ops import warm
from trifecta.ops.parts import POOL
from warehouse import Lake, session
from warehouse.errors import BusyError
from warehouse.quality import CheckResult

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
LONG_RUNNING = {"ingest", "scan"}
SHOWN = (flows.quality.GAPS, flows.quality.LAG)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_deployment_names_a_flow_that_is_there(deployment: dict[str, Any]) -> None:
    path, _, name = deployment["entrypoint"].partition(":")
    module = getattr(flows, Path(path).stem)
    assert isinstance(getattr(module, name), Flow)
    assert deployment["name"] == name
    assert deployment["work_pool"]["name"] == POOL


def test_the_tour_names_every_deployment() -> None:
    tour = (ROOT / "docs" / "prefect.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", tour, re.M)) == {deployment["name"] for deployment in DEPLOYMENTS}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_whatever_is_not_long_running_has_a_schedule(deployment: dict[str, Any]) -> None:
    schedules = [CronSchedule.model_validate(schedule) for schedule in deployment.get("schedules", [])]
    assert bool(schedules) is (deployment["name"] not in LONG_RUNNING)
    assert all(schedule.timezone == "UTC" for schedule in schedules)


@pytest.mark.parametrize("name", [one["name"] for one in DEPLOYMENTS if one["name"] not in LONG_RUNNING])
def test_whatever_has_a_schedule_leaves_what_became_of_its_runs(name: str) -> None:
    found = getattr(getattr(flows, name), name)
    for hooks in (found.on_completion_hooks, found.on_failure_hooks, found.on_crashed_hooks):
        assert note in hooks


@pytest.mark.parametrize(("name", "queue"), [("ingest", QUEUE), ("scan", SCANNING)])
def test_what_always_runs_has_a_queue_of_its_own_and_no_lease_that_may_end_it(name: str, queue: str) -> None:
    deployment = next(one for one in DEPLOYMENTS if one["name"] == name)
    assert deployment["work_pool"]["work_queue_name"] == queue
    assert "concurrency_limit" not in deployment
    assert deployment["work_pool"]["job_variables"]["stream_output"] is False


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransientError("the disk is full"), True),
        (BusyError("someone reads it"), True),
        (PermanentError("no such symbol"), False),
        (ValueError("a mistake of ours"), False),
    ],
)
async def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    assert await transient(None, None, Failed(data=error)) is again  # type: ignore[arg-type]


def test_checks_that_found_something_come_first_with_a_sample() -> None:
    sound = CheckResult("a_sound_one", "One row nothing.", 0, pa.table({}))
    broken = CheckResult("broken", "One row a quote that is crossed.", 2, pa.table({"bid": [2.0], "ask": [1.0]}))
    shown = flows.quality.as_markdown([sound, broken])
    assert shown.index("broken") < shown.index("a_sound_one")
    assert "{'bid': 2.0, 'ask': 1.0}" in shown


async def test_counts_gaps_and_lag_of_a_lake_can_be_shown(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lines = tmp_path / "frames.log"
    lines.write_text(warm.lines())
    replay([lines], lake=lake, clock=ManualClock(), source="sim_binance")
    with session(lake) as connection:
        shown = [flows.quality.counted(connection), *(flows.quality.records(connection, sql) for sql in SHOWN)]
    assert json.loads(json.dumps(shown)) == shown
    assert {"trades", "quotes"} <= {row["table"] for row in shown[0]}
