"""A champion's forecasts that were served, beside what happened and what the baselines said, from the lake."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from trifecta.clock import NS_PER_S
from trifecta.forecast import inputs
from trifecta.forecast.baselines import HISTORY_MINUTES, qlike, rolling
from trifecta.forecast.drift import Losses, Report, judge, judged_s, psi
from trifecta.forecast.labels import outcomes
from trifecta.forecast.minutes import Floats, Times
from trifecta.forecast.recorded_flow import TABLE, read
from trifecta.forecast.records import Record
from trifecta.forecast.series import CELL_S, Series, cells
from trifecta.forecast.versions import Version
from warehouse.lake import Lake
from warehouse.sessions import build

PREDICTIONS = "predictions"

_SERVED = """
    select
        ts_event,
        any_value(log_range) as log_range,
        any_value(log_range_low) as low,
        any_value(log_range_high) as high
    from raw.predictions
    where venue = $venue and symbol = $symbol and horizon_s = $horizon_s and method = $version
        and ts_event > $since_ns and ts_event <= $until_ns
    group by ts_event
    order by ts_event
"""  # a prediction is written once a minute, by each sidecar that serves


class _Served(NamedTuple):
    """Forecasts as they were served; int64 ns and float64, oldest first."""

    ts_event: Times
    log_range: Floats
    low: Floats
    high: Floats


def report(lake: Lake, record: Record, data_dir: Path, *, span_s: float, now_ns: int) -> Report:
    """Of the forecasts served in the last `span_s` seconds, or as many as 24 horizons and a half take.

    Raises:
        DataError: the lake holds no order flow of the instrument in that time.
        VersionError: the version's folder is damaged.
    """
    version = Version.load(data_dir / record.folder, sha256=record.sha256)
    key, step_s = record.key, version.manifest.step_s
    since_ns = now_ns - int(judged_s(span_s, key.horizon_s) * NS_PER_S)
    known_since_ns = max(since_ns - HISTORY_MINUTES * CELL_S * NS_PER_S, 0)  # what baselines look back at
    series = read(lake, key.venue, key.symbol, 1, table=TABLE, since_ns=known_since_ns).series
    judgement = judge(_losses(series, _served(lake, record, since_ns, now_ns), key.horizon_s), key.horizon_s)
    recent = read(lake, key.venue, key.symbol, step_s, table=TABLE, since_ns=since_ns).series
    rows = inputs.features(recent.columns, version.scaler.features)
    return Report(record.version, judgement, psi(version.inputs, rows))


def _served(lake: Lake, record: Record, since_ns: int, until_ns: int) -> _Served:
    _, files = lake.snapshot(PREDICTIONS)
    with duckdb.connect() as connection:
        build(connection, {PREDICTIONS: files}, ())
        key = record.key
        asked = {
            "venue": key.venue,
            "symbol": key.symbol,
            "horizon_s": key.horizon_s,
            "version": record.version,
            "since_ns": since_ns,
            "until_ns": until_ns,
        }
        columns = connection.execute(_SERVED, asked).fetchnumpy()
    ts_event = np.asarray(columns["ts_event"], np.int64)
    return _Served(ts_event, *(np.asarray(columns[name], np.float64) for name in _Served._fields[1:]))


def _losses(series: Series, served: _Served, horizon_s: int) -> Losses:
    """QLIKE of the forecasts, and of what baselines said at the last whole minute before."""
    outcome = _at(outcomes(series.columns, horizon_s).log_range, served.ts_event // NS_PER_S - 1 - series.first)
    minutes = cells(series)
    last_minute = served.ts_event // NS_PER_S // CELL_S - 1 - minutes.first
    said = {str(method): _at(made, last_minute) for method, made in rolling(minutes, horizon_s).items()}
    return Losses(
        measure="QLIKE",
        minute=served.ts_event / (CELL_S * NS_PER_S),
        model=qlike(outcome, served.log_range),
        baselines={name: qlike(outcome, made) for name, made in said.items()},
        right=((outcome >= served.low) & (outcome <= served.high)).astype(np.float64),
    )


def _at(values: Floats, places: Times) -> Floats:
    """The value at each place; NaN outside."""
    inside = (places >= 0) & (places < len(values))
    found = np.full(len(places), np.nan)
    found[inside] = values[places[inside]]
    return found
