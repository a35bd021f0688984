"""Recorded data sets: read whole, nothing invented where a source is silent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from trifecta.errors import DataError
from trifecta.features.history import flow_of_trades
from trifecta.forecast.dataset import build
from trifecta.forecast.evaluation import market
from trifecta.forecast.folds import walk_forward
from trifecta.forecast.inputs import FeatureSet
from trifecta.forecast.recordings import RECORDINGS, series_of
from trifecta.market.events import FEATURES, TRADE
from trifecta.market.instruments import Instrument
from warehouse.lake import Lake

GIVEN = {
    "xrpeth": set(FEATURES) - {"volume_imbalance", "bid_ask_spread", "order_book_imbalance"},
    "iaqf_1m": {"buy_volume", "sell_volume", "volume_weighted_price", "trade_intensity"},
    "m15": {"bid_ask_spread"},
    "m15_bid": set(),
}


@pytest.mark.recorded
@pytest.mark.parametrize("name", list(RECORDINGS))
def test_recording_allows_its_horizons_and_gives_the_features_of_its_source(name: str, recorded: Path) -> None:
    found = RECORDINGS[name]
    series = series_of(found, recorded)
    for horizon_s in found.horizons_s:
        made = build(series, horizon_s, feature_set=FeatureSet.EXTENDED)
        given = {feature for feature, present in zip(made.names, made.present, strict=True) if present}
        assert given & set(FEATURES) == GIVEN[name]
        assert len(walk_forward(made)) == 2


@pytest.mark.recorded
def test_minutes_of_xrpeth_hold_every_trade(recorded: Path) -> None:
    (series,) = series_of(RECORDINGS["xrpeth"], recorded)
    bought = series.columns.flow[:, FEATURES.index("buy_volume")]
    sold = series.columns.flow[:, FEATURES.index("sell_volume")]
    # Windows of 60 s at steps of 60 s share nothing: their sums are the recording's, but for its last, open minute.
    file = recorded / "binance_trades_freqtrade" / "XRP_OLD-trades.json.gz"
    trades = [trade["info"] for trade in json.loads(gzip.decompress(file.read_bytes()))]
    open_ms = trades[-1]["T"] // 60_000 * 60_000
    expected = sum(float(trade["q"]) for trade in trades if trade["T"] < open_ms)
    assert np.nansum(bought + sold) == pytest.approx(expected, rel=1e-12)


def test_seconds_without_a_book_are_told_from_trades_alone() -> None:
    trades = np.zeros(30, TRADE)
    trades["ts_event"] = 1_000_000_000_000 + np.arange(30) * 500_000_000
    trades["trade_id"], trades["count"] = np.arange(30), 1
    trades["price"], trades["qty"], trades["side"] = 100 + np.arange(30), 10, np.where(np.arange(30) % 3, 1, -1)
    rows = flow_of_trades(Instrument("v", "S", 0, 0), trades)
    np.testing.assert_array_equal(rows["ts_event"] // 1_000_000_000, np.arange(1001, 1015))
    np.testing.assert_array_equal(rows["trades"], 2 * np.arange(1, 15))
    np.testing.assert_array_equal(rows["last_price"], 101 + 2 * np.arange(14))
    assert np.isnan(rows["bid_ask_spread"]).all()


def test_seconds_around_an_id_that_is_missing_are_not_complete() -> None:
    trades = np.zeros(400, TRADE)
    trades["ts_event"] = 1_000_000_000_000 + np.arange(400) * 1_000_000_000
    trades["trade_id"], trades["count"], trades["price"], trades["qty"] = np.arange(400), 1, 100, 10
    whole = flow_of_trades(Instrument("v", "S", 0, 0), trades)
    rows = flow_of_trades(Instrument("v", "S", 0, 0), np.delete(trades, slice(150, 170)))
    assert whole["complete"].all()
    lacking = rows["ts_event"][~rows["complete"]] // 1_000_000_000 - 1000
    np.testing.assert_array_equal(
        lacking, np.arange(150, 231)
    )  # one may lack just before id 170: its second is seen until 230
    known = rows["complete"]
    np.testing.assert_array_equal(rows[known]["buy_volume"], whole[known]["buy_volume"])


def test_data_set_that_is_not_there_is_refused_with_what_there_is(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with pytest.raises(DataError, match="'gold' is not known: choose one of xrpeth, iaqf_1m, m15"):
        market("gold", folder=None, lake=lake, horizons_s=[300])
    with pytest.raises(DataError, match="say --folder"):
        market("xrpeth", folder=None, lake=lake, horizons_s=[300])
    with pytest.raises(DataError, match="cannot be read below"):
        market("m15", folder=tmp_path, lake=lake, horizons_s=[300])
    with pytest.raises(DataError, match="the lake holds no order flow of binance XAUUSD"):
        market("binance/XAUUSD", folder=None, lake=lake, horizons_s=[300])
