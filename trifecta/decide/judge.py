"""What a stage of the pipeline says of an opportunity before risk is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

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
