"""A network that has just been judged against the champion of today, at the same origins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trifecta.forecast.baselines import qlike
from trifecta.forecast.contest import Contest
from trifecta.forecast.folders import VersionError
from trifecta.forecast.graph import Graph
from trifecta.forecast.inputs import features, memory
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.series import Series


@dataclass(frozen=True)
class Duel:
    """Mean loss of both on the last test part; NaN where the champion knew none of its `origins`."""

    champion: str
    origins: int
    ours: float
    theirs: float
    measure: str = "QLIKE"

    @property
    def lost(self) -> bool:
        """The champion was better where both forecast: it goes on."""
        return self.theirs < self.ours

    def __str__(self) -> str:
        return (
            f"on the same {self.origins:,} origins {self.measure} {self.ours:.4f} against {self.theirs:.4f} of the "
            f"champion {self.champion}" + (", which goes on serving" if self.lost else "")
        )


def fight(contest: Contest, name: str, champion: Graph, series: Series) -> Duel:
    """The network of that name against a champion, on the last fold's test part.

    A champion may have been trained on some of these origins, the network cannot have been: the comparison favours
    what serves.

    Args:
        series: of the contest's instrument, in steps of the champion's length.
    """
    last = contest.trial.fold == contest.last.fold.number
    ends_s, outcome = contest.trial.ends_s[last], contest.trial.outcome[last]
    theirs = said(champion, series, ends_s)
    known = np.isfinite(theirs)
    ours = contest.contenders[name].forecast.log_range[last]
    our_loss, their_loss = (
        float(qlike(outcome[known], made[known]).mean()) if known.any() else float("nan") for made in (ours, theirs)
    )
    return Duel(champion.version.name, int(known.sum()), our_loss, their_loss)


def said(graph: Graph, series: Series, ends_s: Times) -> Floats:
    """Log ranges that a version forecasts at these closes, float64; NaN where its window is not known whole."""
    table = features(series.columns, graph.features)
    known = np.concatenate(([0.0], np.cumsum(series.known)))
    needed = graph.steps + memory(graph.features)
    found = np.full(len(ends_s), np.nan)
    for place, row in enumerate((ends_s // series.step_s - 1 - series.first).tolist()):
        if needed - 1 <= row < len(table) and known[row + 1] - known[row + 1 - needed] == needed:
            try:
                found[place] = graph.predict(table[row - graph.steps + 1 : row + 1]).log_range
            except VersionError:
                continue
    return found
