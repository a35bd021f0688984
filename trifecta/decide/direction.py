"""The ensemble's confidence in a forex plan: how likely a direction model that earned its place finds the plan's side.

The probability is that of a move to that side over the model's horizon which is larger than the spread. It stands for
the chance that the take profit comes before the stop, and must reach the share of wins at which the plan pays. Where no
model has earned its place the ensemble has no say, and the plan goes on.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.decide.judge import Context, Judgement
from trifecta.forecast import registry
from trifecta.forecast.direction.bars import Way
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.recorded import TABLE, newest
from trifecta.forecast.folders import VersionError
from trifecta.forecast.minutes import Floats
from trifecta.forecast.records import Record
from trifecta.forecast.targets import Target
from trifecta.scan.forex import break_even
from trifecta.scan.opportunity import ForexPlan, Opportunity, Side
from warehouse.lake import Lake
from warehouse.ledger import Ledger
from warehouse.sessions import build

NO_SAY, AGREES, DISAGREES, BLIND = "no say", "agrees", "disagrees", "blind"
MAX_MODELS = 32


class DirectionJudge:
    """The stage `direction` of forex opportunities. Not thread-safe.

    Args:
        data_dir: below which the ledger's versions lie.
    """

    name = "direction"

    def __init__(self, lake: Lake, ledger: Ledger, data_dir: Path) -> None:
        self._lake, self._ledger, self._data_dir = lake, ledger, data_dir
        self._models: dict[str, Model] = {}

    def judge(self, opportunity: Opportunity, context: Context) -> Judgement:
        """Passes unless a champion finds the plan's side less likely than it must be, or cannot see its bars."""
        plan = opportunity.plan
        if not isinstance(plan, ForexPlan):
            return Judgement(True, NO_SAY, "directions are told of forex plans alone")
        try:
            model = self._champion(plan.venue, plan.symbol)
        except VersionError as error:
            return Judgement(True, NO_SAY, f"the champion cannot be served: {error}")
        if model is None:
            return Judgement(True, NO_SAY, f"no model has earned its place: {self._why(plan.venue, plan.symbol)}")
        return self._asked(model, opportunity, plan, context.now_ns)

    def _asked(self, model: Model, opportunity: Opportunity, plan: ForexPlan, now_ns: int) -> Judgement:
        bars = self._bars(plan, now_ns, model.needed)
        count, seen_ns = bars.shape[1], int(bars[0, -1]) * NS_PER_S if bars.size else 0
        detail = {"version": model.version.name, "horizon_s": model.version.manifest.horizon_s, "bars_end_ns": seen_ns}
        if count < model.needed:
            told = f"the lake holds {count} closed M15 bars, {model.needed} are needed"
            return Judgement(False, BLIND, told, None, detail)
        if seen_ns < opportunity.ts_first:
            late_s = (opportunity.ts_first - seen_ns) // NS_PER_S
            told = f"the lake's newest closed M15 bar ends {late_s} s before the one that the plan rests on"
            return Judgement(False, BLIND, told, None, detail)
        try:
            high, low, close = np.log(bars[1:])
            shares = model.shares(high, low, close, bars[0].astype(np.int64))
        except VersionError as error:
            return Judgement(True, NO_SAY, f"the champion gives no answer: {error}", None, detail)
        side = Way.UP if plan.side is Side.BUY else Way.DOWN
        confidence, needed = float(shares[side]), break_even(opportunity)
        detail |= {way.name.lower(): round(float(shares[way]), 6) for way in Way} | {"break_even": round(needed, 6)}
        passes = confidence >= needed
        told = f"{plan.side} is right with {confidence:.1%}, {needed:.1%} is needed to pay"
        return Judgement(passes, AGREES if passes else DISAGREES, told, confidence, detail)

    def _champion(self, venue: str, symbol: str) -> Model | None:
        """The champion of the shortest horizon, loaded once.

        Raises:
            VersionError: its folder is damaged.
        """
        found = [
            record
            for key, record in registry.champions(self._ledger).items()
            if (key.target, key.venue, key.symbol) == (Target.DIRECTION, venue, symbol)
        ]
        if not found:
            return None
        record = min(found, key=lambda one: one.key.horizon_s)
        if record.sha256 not in self._models:
            if len(self._models) >= MAX_MODELS:
                self._models.clear()
            self._models[record.sha256] = registry.open_direction(record, self._data_dir)
        return self._models[record.sha256]

    def _why(self, venue: str, symbol: str) -> str:
        """What became of the newest version."""
        tried: list[Record] = [
            one
            for one in registry.versions(self._ledger, symbol=symbol)
            if (one.key.target, one.key.venue) == (Target.DIRECTION, venue)
        ]
        if not tried:
            return f"none was trained for {venue} {symbol}"
        last = max(tried, key=lambda one: one.created_at)
        return f"{last.version} is {last.status}: {last.reason}"

    def _bars(self, plan: ForexPlan, now_ns: int, count: int) -> Floats:
        with duckdb.connect() as connection:
            build(connection, {TABLE: self._lake.files(TABLE)}, ())
            return newest(connection, plan.venue, plan.symbol, now_ns, count)
