"""Whether a trained network may serve in place of the best baseline. Pure: losses in, verdict and reasons out."""

from __future__ import annotations

from collections.abc import Mapping

from trifecta.forecast.files import Gate
from trifecta.forecast.scores import RIVALS, Summary

SIGNIFICANT = 0.05
COVERAGE_MARGIN = 0.03
MIN_SEPARATE = 20
"""Test horizons without overlap; on fewer nothing is decided."""


def judge(name: str, summaries: Mapping[str, Summary], coverage: float) -> Gate:
    """Passed where `name` beats every rival on the test parts and its interval covers as stated; each reason a line.

    Args:
        summaries: of `name` and of every rival.
        coverage: what the interval states.
    """
    ours = summaries[name]
    checks = [_enough(ours), *(_beats(name, ours, rival, summaries.get(rival)) for rival in RIVALS)]
    checks.append(_covers(ours, coverage))
    known = [rival for rival in RIVALS if rival in summaries]
    best = min(known, key=lambda rival: summaries[rival].qlike, default="nothing")
    return Gate.of(checks, best)


def _enough(ours: Summary) -> tuple[bool, str]:
    held = ours.separate >= MIN_SEPARATE
    return held, f"{ours.separate:.0f} separate test horizons, at least {MIN_SEPARATE} are needed"


def _beats(name: str, ours: Summary, rival: str, theirs: Summary | None) -> tuple[bool, str]:
    if theirs is None or rival not in ours.p:
        return False, f"{rival} had too little history to be compared with"
    p = ours.p[rival]
    held = ours.qlike < theirs.qlike and p < SIGNIFICANT
    return held, (
        f"QLIKE of {name} {ours.qlike:.4f}, of {rival} {theirs.qlike:.4f}, p = {p:.3f} that the lead is chance "
        f"(below {SIGNIFICANT} is needed)"
    )


def _covers(ours: Summary, coverage: float) -> tuple[bool, str]:
    if ours.coverage is None:
        return False, f"too few separate outcomes to calibrate an interval of {coverage:.0%}"
    held = abs(ours.coverage - coverage) <= COVERAGE_MARGIN
    return held, f"the interval held {ours.coverage:.1%} of outcomes, {coverage:.0%} +- {COVERAGE_MARGIN:.0%} is needed"
