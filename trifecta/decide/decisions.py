"""The record of a decision: what was asked, what each stage said and how long it took, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from warehouse.ledger import decision_stages, decisions

_TRADED = select(decisions.c.id).where(
    decisions.c.portfolio == bindparam("portfolio"),
    decisions.c.opportunity_id == bindparam("opportunity"),
    decisions.c.verdict == "approved",
)
_INSERT, _INSERT_STAGES = insert(decisions), insert(decision_stages)


class Outcome(StrEnum):
    """What was decided."""

    APPROVED = "approved"
    REFUSED = "refused"  # by risk
    SKIPPED = "skipped"  # by a stage before it


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of the pipeline said."""

    name: str
    verdict: str
    latency_ns: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, whole."""

    id: str
    opportunity_id: str
    portfolio: str
    engine: str
    mode: str  # paper or live
    fill_model: str
    trigger: str
    ts_ns: int
    outcome: Outcome
    reason: str
    inputs: Mapping[str, Any]
    stages: Sequence[Stage]


def decision_id(portfolio: str, opportunity_id: str, attempt: int | None = None) -> str:
    """The id of the one decision that trades an opportunity; with `attempt`, of one that does not."""
    parts = (portfolio, opportunity_id) if attempt is None else (portfolio, opportunity_id, str(attempt))
    return "tri-" + blake2b("|".join(parts).encode(), digest_size=10).hexdigest()


def attempts(connection: Connection, portfolio: str, opportunity_id: str) -> int:
    """How often this opportunity was decided on."""
    own = (decisions.c.portfolio == portfolio) & (decisions.c.opportunity_id == opportunity_id)
    return int(connection.execute(select(func.count()).select_from(decisions).where(own)).scalar_one())


def traded(connection: Connection, portfolio: str, opportunity_id: str) -> str | None:
    """The id of the decision that traded this opportunity; None where none has."""
    asked = {"portfolio": portfolio, "opportunity": opportunity_id}
    return connection.execute(_TRADED, asked).scalar_one_or_none()


def record(connection: Connection, decision: Decision) -> None:
    """Writes the decision and its stages; a second trade of one opportunity is an IntegrityError."""
    connection.execute(
        _INSERT,
        {
            "id": decision.id,
            "opportunity_id": decision.opportunity_id,
            "portfolio": decision.portfolio,
            "engine": decision.engine,
            "mode": decision.mode,
            "fill_model": decision.fill_model,
            "trigger": decision.trigger,
            "ts_ns": decision.ts_ns,
            "verdict": decision.outcome.value,
            "reason": decision.reason,
            "inputs": _json(decision.inputs),
        },
    )
    if decision.stages:
        connection.execute(_INSERT_STAGES, [_stage(decision.id, *one) for one in enumerate(decision.stages)])


def _stage(decision: str, seq: int, stage: Stage) -> dict[str, object]:
    return {
        "decision_id": decision,
        "seq": seq,
        "stage": stage.name,
        "verdict": stage.verdict,
        "detail": _json(stage.detail),
        "latency_ns": stage.latency_ns,
    }


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
