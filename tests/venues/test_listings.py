"""What Binance lists becomes rows of `instruments`, as at every other venue."""

from __future__ import annotations

from tests.unit.payloads import SPOT, frames
from trifecta import venues
from trifecta.capture.pipeline import Pipeline

INFO = (
    b'{"rest":"exchangeInfo","data":{"symbols":[{"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","filters":['
    b'{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00001000",'
    b'"stepSize":"0.00001000"},{"filterType":"NOTIONAL","minNotional":"5.00000000"}]},{"symbol":"OTHER",'
    b'"baseAsset":"O","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"1"},'
    b'{"filterType":"LOT_SIZE","stepSize":"1"}]}]}}'
)


def test_an_exchange_info_lists_the_symbols_that_are_recorded() -> None:
    pipeline = Pipeline(venues.venue("binance"), "binance", {SPOT.symbol: SPOT})
    pipeline.process(frames(INFO))
    table, _ = pipeline.take().tables["instruments"]
    (row,) = table.to_pylist()
    assert (row["symbol"], row["unified"], row["base"], row["quote"]) == ("BTCUSDT", "BTC/USDT", "BTC", "USDT")
    assert (row["tick"], row["lot"], row["min_qty"], row["min_notional"]) == (0.01, 1e-05, 1e-05, 5.0)
    assert (row["taker"], row["maker"]) == (0.001, 0.001)
    assert row["base_networks"] == row["quote_withdraw_fees"] == []
