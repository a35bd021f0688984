"""Frames are spelled as the venue spells them: each expected text was recorded from Binance."""

from __future__ import annotations

import json

import pytest

from trifecta.emulator.config import MarketName
from trifecta.emulator.frames import Diff, Trade, frames_of
from trifecta.emulator.instruments import Instrument, decimal_text, parse_e8
from trifecta.emulator.klines import Kline
from trifecta.emulator.streams import text_frame

SPOT = frames_of(Instrument(MarketName.SPOT, "BTCUSDT", "BTC", "USDT", 10**6, 10**3))
USDM = frames_of(Instrument(MarketName.USDM, "BTCUSDT", "BTC", "USDT", 10**7, 10**5, 2, 3))


def test_spot_trade():
    trade = Trade(3735683259, parse_e8("61837.63"), parse_e8("0.02"), 1723161255342, True)
    assert SPOT.trade(trade, 1723161255343).decode() == (
        '{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000",'
        '"T":1723161255342,"m":true,"M":true}'
    )


def test_spot_book_ticker():
    top = (parse_e8("61837.63"), parse_e8("3.78826"), parse_e8("61837.64"), parse_e8("1.54698"))
    assert SPOT.book_ticker(50093239212, top, 0).decode() == (
        '{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}'
    )


def test_spot_depth():
    asks = {parse_e8("61844.30"): parse_e8("0.40163"), parse_e8("61838.04"): parse_e8("0.32332")}
    diff = Diff(50093239203, 50093239207, 50093239202, {parse_e8("55653.87"): 0}, asks)
    assert SPOT.depth(diff, 1723161255308).decode() == (
        '{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,'
        '"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"]]}'
    )


def test_usdm_trade():
    trade = Trade(5266583935, parse_e8("61800.30"), parse_e8("0.006"), 1723161256322, False)
    assert USDM.trade(trade, 1723161256322).decode() == (
        '{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
        '"X":"MARKET","m":false}'
    )


def test_usdm_book_ticker():
    top = (parse_e8("61800.20"), parse_e8("2.507"), parse_e8("61800.30"), parse_e8("2.510"))
    assert USDM.book_ticker(5123107839020, top, 1723161256313).decode() == (
        '{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510",'
        '"T":1723161256313,"E":1723161256313}'
    )


def test_usdm_depth():
    bids = {parse_e8("61496.50"): parse_e8("0.010"), parse_e8("58710.20"): parse_e8("0.014")}
    diff = Diff(5123107832006, 5123107837557, 5123107831937, bids, {})
    assert USDM.depth(diff, 1723161256299).decode() == (
        '{"e":"depthUpdate","E":1723161256299,"T":1723161256299,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,'
        '"pu":5123107831937,"b":[["58710.20","0.014"],["61496.50","0.010"]],"a":[]}'
    )


@pytest.mark.parametrize("frames", [SPOT, USDM])
def test_kline_has_the_documented_fields(frames):
    kline = Kline(1723161240000, 10**12, 3 * 10**12, 10**11, 2 * 10**12, 10**8, 10**12, 10**7, 10**11, 4, 11, 14)
    message = json.loads(frames.kline(kline, True, 1723161300003))
    assert list(message) == ["e", "E", "s", "k"]
    assert list(message["k"]) == list("tTsifLochlvnxqVQB")
    assert (message["k"]["t"], message["k"]["T"], message["k"]["x"]) == (1723161240000, 1723161299999, True)
    prices = [float(message["k"][name]) for name in "ohlc"]
    assert prices == [10_000.0, 30_000.0, 1_000.0, 20_000.0]
    assert (message["k"]["f"], message["k"]["L"], message["k"]["n"]) == (11, 14, 4)


def test_aggregate_trade_has_the_documented_fields():
    trade = Trade(9, parse_e8("61837.63"), parse_e8("0.02"), 1723161255342, True)
    assert list(json.loads(SPOT.agg_trade(trade, 5, 1723161255343))) == list("eEsapqflTmM")
    assert list(json.loads(USDM.agg_trade(trade, 5, 1723161255343))) == list("eEsapqflTm")


@pytest.mark.parametrize(("text", "decimals"), [("61837.63000000", 8), ("0.00000001", 8), ("61800.20", 2), ("12", 0)])
def test_decimal_text_is_what_was_parsed(text, decimals):
    assert decimal_text(parse_e8(text), decimals) == text


@pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_websocket_frame_declares_its_length(size, head):
    framed = text_frame(b"x" * size)
    assert len(framed) == head + size
    assert framed[0] == 0x81
    declared = framed[1] if head == 2 else int.from_bytes(framed[2:head], "big")
    assert declared == size
