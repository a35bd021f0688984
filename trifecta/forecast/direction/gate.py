"""Whether a direction model has earned its place. Pure: losses in, verdict and reasons out."""

from __future__ import annotations

from collections.abc import Mapping

from trifecta.forecast.direction.probabilities import Summary
from trifecta.forecast.direction.rivals import RIVALS
from trifecta.forecast.files import Gate
from trifecta.forecast.gate import MIN_SEPARATE, SIGNIFICANT

MAX_ERROR = 0.05
"""Between stated and true shares of the sides, in the mean."""


def judge(name: str, summaries: Mapping[str, Summary]) -> Gate:
    """Passed where `name` beats every rival on the test parts and states honest probabilities; each reason a line.

    Args:
        summaries: of `name` and of every rival.
    """
    ours = summaries[name]
    checks = [
        (ours.separate >= MIN_SEPARATE, f"{ours.separate:.0f} separate test horizons, {MIN_SEPARATE} are needed"),
        *(_beats(name, ours, rival, summaries[rival]) for rival in RIVALS),
        (
            ours.error <= MAX_ERROR,
            f"stated and true shares of the sides are {ours.error:.1%} apart, at most {MAX_ERROR:.0%} may be",
        ),
    ]
    return Gate.of(checks, min(RIVALS, key=lambda rival: summaries[rival].log_loss))


def _beats(name: str, ours: Summary, rival: str, theirs: Summary) -> tuple[bool, str]:
    p = ours.p[rival]
    held = ours.log_loss < theirs.log_loss and ours.brier <= theirs.brier and p < SIGNIFICANT
    return held, (
        f"log loss of {name} {ours.log_loss:.4f}, of {rival} {theirs.log_loss:.4f}, Brier {ours.brier:.4f} and "
        f"{theirs.brier:.4f}, p = {p:.3f} that the lead is chance (below {SIGNIFICANT} is needed)"
    )
