"""Bodies of the answers on models: what trains, what is registered, what serves."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict
from pydantic.config import JsonDict

from trifecta.forecast.records import Record
from trifecta.forecast.targets import Target
from trifecta.serve.prefect_api import Run
from trifecta.serve.replies import Reply
from trifecta.serve.times import iso

_RUN: JsonDict = {
    "run_id": "0198a4c2-7d0e-7c3f-9a55-3f6f0e0f9a11",
    "name": "train PAXGUSDT",
    "state": "RUNNING",
    "progress": 40.0,
    "started_at": "2024-08-09T00:00:01.000000Z",
    "ended_at": None,
    "message": None,
}
_VERSION = "range-PAXGUSDT-300-lstm-20240809T000000Z-0a1b2c3d"


class TrainingRun(Reply):
    """A run of the training flow. `state` is Prefect's; `progress` in percent, null before its first step."""

    run_id: str
    name: str
    state: str
    progress: float | None
    started_at: str | None
    ended_at: str | None
    message: str | None


class TrainingStarted(Reply):
    """The run that was started, or with `started: false` the one that is not finished yet."""

    started: bool
    run: TrainingRun

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"started": True, "run": {**_RUN, "state": "SCHEDULED", "progress": None, "started_at": None}}
        }
    )


class ModelVersion(Reply):
    """One version as the registry knows it. `target` is what it forecasts, `reason` how it came to its status."""

    version: str
    target: Target
    venue: str
    symbol: str
    horizon_s: int
    network: str
    status: Literal["champion", "challenger", "retired", "refused"]
    gate_passed: bool
    forced: bool
    reason: str
    created_at: str
    promoted_at: str | None
    retired_at: str | None


class Serving(Reply):
    """What forecasts one horizon of one instrument now. `problem` says why a champion does not."""

    venue: str
    symbol: str
    horizon_s: int
    source: Literal["model", "baseline", "fallback", "none"]
    method: str | None
    champion: str | None
    problem: str | None


class ModelStatus(Reply):
    """The newest training run, the versions, and what serves. `prefect`, `ledger`: ok, or why they do not answer."""

    training: TrainingRun | None
    prefect: str
    ledger: str
    serving: list[Serving]
    versions: list[ModelVersion]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "training": _RUN,
                "prefect": "ok",
                "ledger": "ok",
                "serving": [
                    {
                        "venue": "sim_binance",
                        "symbol": "PAXGUSDT",
                        "horizon_s": 300,
                        "source": "model",
                        "method": _VERSION,
                        "champion": _VERSION,
                        "problem": None,
                    }
                ],
                "versions": [
                    {
                        "version": _VERSION,
                        "target": "range",
                        "venue": "sim_binance",
                        "symbol": "PAXGUSDT",
                        "horizon_s": 300,
                        "network": "lstm",
                        "status": "champion",
                        "gate_passed": True,
                        "forced": False,
                        "reason": "beats har (p 0.003)",
                        "created_at": "2024-08-09T00:00:01.000Z",
                        "promoted_at": "2024-08-09T00:00:02.000Z",
                        "retired_at": None,
                    }
                ],
            }
        }
    )


def training_run(run: Run, progress: float | None) -> TrainingRun:
    return TrainingRun(
        run_id=run.id,
        name=run.name,
        state=run.state_type or "UNKNOWN",
        progress=progress,
        started_at=run.start_time,
        ended_at=run.end_time,
        message=run.state.message if run.state else None,
    )


def model_version(record: Record) -> ModelVersion:
    return ModelVersion(
        version=record.version,
        target=record.key.target,
        venue=record.key.venue,
        symbol=record.key.symbol,
        horizon_s=record.key.horizon_s,
        network=record.network,
        status=record.status.value,
        gate_passed=record.metrics.passed,
        forced=record.forced,
        reason=record.reason,
        created_at=iso(record.created_at),
        promoted_at=None if record.promoted_at is None else iso(record.promoted_at),
        retired_at=None if record.retired_at is None else iso(record.retired_at),
    )
