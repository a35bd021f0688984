"""What a stage of the pipeline says of an opportunity before risk is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from trifecta.scan.opportunity import Opportunity


@dataclass(frozen=True, slots=True)
class Context:
    """What a judge may look at. The clock is `now_ns`: live, in a replay and in a backtest."""

    now_ns: int
    mids: npt.NDArray[np.float64]
    """(seconds,), oldest first: mid of the plan's first instrument at each past second; empty: nothing is known."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge says. `verdict` is one word for people; `passes` alone decides whether the pipeline goes on."""

    passes: bool
    verdict: str
    reason: str = ""
    confidence: float | None = None
    """0..1; None where the judge has no opinion."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What is stored with the stage; JSON types only."""


class Judge(Protocol):
    """One stage: the ensemble's confidence, an agent."""

    name: str

    def judge(self, opportunity: Opportunity, context: Context) -> Judgement:
        """Says whether this opportunity goes on to risk. Never raises for data that is missing: it says so."""
        ...


@dataclass(frozen=True, slots=True)
class Closed:
    """A decision whose orders are done and whose positions are flat; amounts in the reporting currency."""

    decision_id: str
    portfolio: str
    engine: str
    pnl: Decimal  # after fees
    fees: Decimal
    closed_at: int


Learn = Callable[[Connection, Closed], None]
"""Is told of each outcome once, inside the transaction that books it: what it writes commits or rolls back with it.

What the judges said when it was decided stands in `decision_stages` of that decision.
"""


def learn_nothing(connection: Connection, closed: Closed) -> None:
    """For who has nothing to learn."""
