"""How a champion of directions does on the bars that closed since it serves.

What it says of a closed bar follows from the bars and its hashed folder alone. So it is asked here of each bar, not
only of those that a plan rested on: what is judged does not depend on which plans there were.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.forecast.dataset import Rows
from trifecta.forecast.direction.bars import BAR_S, Directions, Way, build
from trifecta.forecast.direction.model import Model
from trifecta.forecast.direction.probabilities import log_losses
from trifecta.forecast.direction.recorded import read
from trifecta.forecast.direction.rivals import counted
from trifecta.forecast.drift import MIN_ROWS, Losses, Report, judge, judged_s, psi
from trifecta.forecast.records import Record
from warehouse.lake import Lake


def report(lake: Lake, record: Record, data_dir: Path, *, span_s: float, now_ns: int) -> Report:
    """Of the newest bars whose outcome is known, `span_s` seconds of them or as many as hold 24 horizons.

    A span is counted in bars: a weekend takes none of it. Inputs are compared over the newest `MIN_ROWS` bars.

    Raises:
        DataError: the lake holds too few bars of the instrument.
        VersionError: the version's folder is damaged.
    """
    key, model = record.key, Model.load(data_dir / record.folder, sha256=record.sha256)
    series = read(lake, key.venue, key.symbol, until_ns=now_ns).series
    data = build([series], key.horizon_s, steps=model.steps)
    panel = data.panel
    since_s = max(record.promoted_at or 0, model.version.card.until_ns) // NS_PER_S
    live = panel.origins[panel.ends_s[panel.origins] > since_s]
    rows = live[-int(judged_s(span_s, key.horizon_s) // BAR_S) :]
    judgement = judge(_losses(model, data, rows), key.horizon_s)
    return Report(record.version, judgement, psi(model.version.inputs, panel.table[-MIN_ROWS:]))


def _losses(model: Model, data: Directions, rows: Rows) -> Losses:
    """Log losses of the champion, and of what was counted of all outcomes that were known before the first bar."""
    ends_s, shares, way = data.panel.ends_s, model.said(data.panel, rows), data.way[rows]
    origins = data.panel.origins
    seen = origins[ends_s[origins] + data.panel.horizon_s <= ends_s[rows[0]]] if len(rows) else origins
    rises = shares[:, Way.UP] > shares[:, Way.DOWN]
    return Losses(
        measure="log loss",
        minute=ends_s[rows] / 60,
        model=log_losses(shares, way),
        baselines={name: log_losses(made, way) for name, made in counted(data, seen, rows).items()},
        right=np.where(way == Way.NEITHER, np.nan, rises == (way == Way.UP)),
    )
