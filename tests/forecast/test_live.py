"""A champion's served forecasts against what the lake says happened: aligned to the second, judged beside baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.forecast import tiny
from tests.forecast.flow import START_S
from trifecta.capture.rows import dates
from trifecta.clock import NS_PER_S
from trifecta.forecast.baselines import Method
from trifecta.forecast.drift import MIN_ROWS
from trifecta.forecast.live import Report, report
from trifecta.forecast.records import Key, Metrics, Record, Status
from trifecta.market.events import FEATURES
from warehouse import TABLES, Lake

HORIZON_S = 300
HOURS = 5
COUNT = HOURS * 3600
NOW_NS = (START_S + COUNT) * NS_PER_S
KEY = Key("sim_binance", "PAXGUSDT", HORIZON_S)


def walk() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Prices of each second and the log range of the horizon that follows it, by brute force where it is whole."""
    prices = 2400 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 5e-5, COUNT)))
    logs = np.log(prices)
    coming = np.full(COUNT, np.nan)
    for end in range(60, COUNT - HORIZON_S + 1, 60):
        part = logs[end : end + HORIZON_S]
        coming[end] = part.max() - part.min()
    return prices, coming


def store_flow(lake: Lake, prices: np.ndarray, moved: float = 0.0, part: int = 0) -> None:  # type: ignore[type-arg]
    """Five hours of seconds whose features lie around `moved`, behind the parts before."""
    ends = (START_S + part * COUNT + 1 + np.arange(COUNT)) * NS_PER_S
    random = np.random.default_rng(3)
    columns: dict[str, object] = {name: random.normal(moved, 1, COUNT) for name in FEATURES}
    columns |= {"volume_weighted_price": prices, "high": prices, "low": prices, "last_price": prices}
    columns |= {"bid": prices, "ask": prices, "trades": np.full(COUNT, 90), "ts_event": ends, "ts_recv": ends}
    columns |= {"venue": [KEY.venue] * COUNT, "symbol": [KEY.symbol] * COUNT, "date": dates(ends)}
    columns |= dict.fromkeys(("ready", "book_valid", "complete"), np.ones(COUNT, np.bool_))
    schema = TABLES["orderflow_1s"].schema
    lake.append("orderflow_1s", pa.table(columns).select(schema.names).cast(schema), writer="t", version=1 + part)


def store_predictions(lake: Lake, version: str, forecasts: np.ndarray, part: int = 0) -> None:  # type: ignore[type-arg]
    """One each minute; NaN: none was served."""
    rows = []
    for end in np.flatnonzero(np.isfinite(forecasts)):
        ts = int(START_S + part * COUNT + end) * NS_PER_S
        made = float(forecasts[end])
        rows.append(
            {"venue": KEY.venue, "symbol": KEY.symbol, "ts_event": ts, "ts_recv": ts, "horizon_s": HORIZON_S,
             "log_range": made, "log_range_low": made * 0.9, "log_range_high": made * 1.1, "coverage": 0.9,
             "price": 2400.0, "source": "model", "method": version}
        )  # fmt: skip
    days = dates(np.array([row["ts_recv"] for row in rows], np.int64)).to_pylist()
    dated = [row | {"date": day} for row, day in zip(rows, days, strict=True)]
    table = pa.Table.from_pylist(dated, schema=TABLES["predictions"].schema)
    lake.append("predictions", table, writer="t", version=1 + part)


def reported(folder: Path, factor: float) -> tuple[Report, np.ndarray]:  # type: ignore[type-arg]
    """The report on a model that said `factor` times what came."""
    lake = Lake(str(folder / "lake"))
    prices, coming = walk()
    version = tiny.version(folder / "models")
    store_flow(lake, prices)
    store_predictions(lake, version.name, coming * factor)
    place = version.folder.relative_to(folder).as_posix()
    passed = Metrics(True, (), ())
    record = Record(version.name, KEY, "tiny", Status.CHAMPION, place, version.sha256, "", passed, 0, 0, None)
    return report(lake, record, folder, span_s=HOURS * 3600, now_ns=NOW_NS), coming


def test_forecast_that_knew_what_came_has_no_loss_and_its_interval_held(tmp_path: Path) -> None:
    found, coming = reported(tmp_path, 1.0)
    assert found.judgement.model == pytest.approx(0.0, abs=1e-12)
    assert found.judgement.right == 1.0
    assert not found.judgement.demote
    assert set(found.judgement.baselines) == {str(method) for method in Method}
    assert 24 <= found.judgement.separate < np.isfinite(coming).sum() / 5
    assert found.psi.keys() == set(FEATURES)  # of more than MIN_ROWS rows
    assert COUNT > MIN_ROWS


def test_forecast_far_from_what_came_is_demoted_for_the_baselines(tmp_path: Path) -> None:
    found, _ = reported(tmp_path, 0.1)
    assert found.judgement.demote
    assert "behind in 4 of 4 parts" in found.judgement.reason
    assert found.judgement.right == 0.0
