"""Whether a policy beats executing everything and executing nothing, judged on decisions that it did not learn from.

Decisions fall into two strata by what the agent said at the time, when its table knew only outcomes before them
(progressive validation: Blum, Kalai and Langford, "Beating the hold-out", COLT 1999). Whether a decision of a stratum
went on was certain, or drawn without regard to its outcome, so the mean P&L of those that did is that of executing
any of them; skipping is worth 0, known and not estimated. What a policy is worth follows from the two means: the direct
method of Dudik, Langford and Li, "Doubly robust policy evaluation and learning" (ICML 2011), with the stratum as the
only feature. Weights 1 / propensity, 20 for an explored skip, are not needed and their variance is not paid.

The intervals hold at every number of outcomes at once, so looking after each of them does not add to the error: the
asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory
and asymptotic confidence sequences" (Annals of Statistics 52, 2024), with Robbins' normal mixture. Each stratum gets
half of the error, so that all that is said holds together with the error that is stated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log, sqrt

from trifecta.settings import AgentSettings

TIGHTEST_AT = 250
"""Number of outcomes at which an interval is narrowest for its error."""
LEAST_SAID = 30
"""Outcomes of each stratum before an agent may act: below it a deviation is not known well enough."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and what it lies between with the stated error, whenever one looks."""

    mean: float
    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.mean + other.mean, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Interval:
        """Scaled; by 0 it is 0 even where nothing is known."""
        if factor == 0:
            return Interval(0.0, 0.0, 0.0)
        low, high = sorted((factor * self.low, factor * self.high))
        return Interval(factor * self.mean, low, high)


@dataclass(slots=True)
class Stratum:
    """Decisions of which the agent said the same."""

    decided: int = 0
    executed: int = 0
    _total: float = 0.0
    _squares: float = 0.0

    def add(self, pnl: float | None) -> None:
        """Takes in a decision; None: it was skipped."""
        self.decided += 1
        if pnl is not None:
            self.executed += 1
            self._total += pnl
            self._squares += pnl * pnl

    def interval(self, error: float) -> Interval:
        """Of what executing one of them is worth."""
        if not self.executed:
            return Interval(0.0, -inf, inf)
        mean = self._total / self.executed
        deviation = sqrt(max(self._squares / self.executed - mean * mean, 0.0))
        margin = deviation * half_width(self.executed, error)
        return Interval(mean, mean - margin, mean + margin)


def half_width(count: int, error: float) -> float:
    """Of the confidence sequence, in standard deviations of one outcome."""
    rho_squared = (-2 * log(error) + log(1 - 2 * log(error))) / TIGHTEST_AT
    grown = count * rho_squared + 1
    return sqrt(2 * grown / (count * count * rho_squared) * log(sqrt(grown) / error))


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agent compares, in the reporting currency per decision, and whether it acts for that."""

    decided: int
    said_execute: int
    said_skip: int
    where_execute: Interval  # what executing is worth where it said so
    where_skip: Interval  # what executing is worth where it said skip
    value: Interval  # of the agent's policy, exploration included; executing nothing is worth 0
    always: Interval  # what executing everything is worth
    advantage: Interval  # of the policy over that
    acts: bool
    why: str


@dataclass(slots=True)
class Evaluation:
    """One agent's decided decisions, summed up."""

    settings: AgentSettings
    _execute: Stratum = field(default_factory=Stratum)
    _skip: Stratum = field(default_factory=Stratum)

    def add(self, said_execute: bool, pnl: float | None) -> None:
        """Takes one more decision in: what the agent's table said of it, and its P&L after fees; None: skipped."""
        (self._execute if said_execute else self._skip).add(pnl)

    def standing(self) -> Standing:
        """What the decisions so far say. One that would skip everything does not beat executing nothing."""
        execute, skip = self._execute, self._skip
        decided = execute.decided + skip.decided
        own = execute.interval(self.settings.error / 2), skip.interval(self.settings.error / 2)
        shares = (execute.decided / decided, skip.decided / decided) if decided else (1.0, 0.0)
        explored = self.settings.epsilon / 2
        value = own[0].times(shares[0] * (1 - explored)) + own[1].times(shares[1] * explored)
        always = own[0].times(shares[0]) + own[1].times(shares[1])
        advantage = own[0].times(-shares[0] * explored) + own[1].times(-shares[1] * (1 - explored))
        why = self._why_not(value, advantage)
        return Standing(
            decided=decided,
            said_execute=execute.decided,
            said_skip=skip.decided,
            where_execute=own[0],
            where_skip=own[1],
            value=value,
            always=always,
            advantage=advantage,
            acts=why is None,
            why=why
            or f"acts: better than executing all by {advantage.low:.4g} a decision at least, than none by "
            f"{value.low:.4g}",
        )

    def _why_not(self, value: Interval, advantage: Interval) -> str | None:
        outcomes = self._execute.executed + self._skip.executed
        if outcomes < self.settings.min_outcomes:
            return f"advises: {outcomes} outcomes, {self.settings.min_outcomes} needed"
        for said, stratum in (("execute", self._execute), ("skip", self._skip)):
            if stratum.executed < LEAST_SAID:
                return f"advises: {stratum.executed} outcomes where it said {said}, {LEAST_SAID} needed"
        missing = [
            f"{name} (by {one.mean:.4g} a decision, at least {one.low:.4g})"
            for name, one in (("executing all", advantage), ("executing none", value))
            if one.low <= 0
        ]
        return f"advises: it is not shown to beat {' nor '.join(missing)}" if missing else None
