"""Binance's stream frames: recorded payload → expected events, and the reason of every payload that is none."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests import recorded
from tests.unit.payloads import (
    SPOT,
    START,
    answer,
    depth,
    frame,
    frames,
    kline,
    quote,
    trade,
)
from trifecta import venues
from trifecta.errors import DataError, SettingsError
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Reason
from trifecta.venues.venue import Decoded, SymbolEvents

BUY, SELL = 1, -1
FIRST = 1000  # position of the first recorded frame


def recorded_events(venue: str, symbol: str) -> tuple[SymbolEvents, Decoded]:
    lines = recorded.lines(venue)
    payloads = [payload for _, payload in lines]
    stamps = [stamp for stamp, _ in lines]
    spoken = venues.venue(venue)
    instruments = spoken.instruments(venue, payloads)
    decoded = spoken.decode(frames(*payloads, first_position=FIRST, ts_recv=stamps), instruments)
    assert decoded.quarantined == []
    return decoded.symbols[symbol], decoded


def decode(*payloads: bytes, instrument: Instrument = SPOT) -> Decoded:
    return venues.venue("binance").decode(frames(*payloads), {instrument.symbol: instrument})


def only_fault(*payloads: bytes) -> tuple[Reason, str]:
    (item,) = decode(*payloads).quarantined
    return item.reason, item.detail


@pytest.mark.parametrize("venue", recorded.SAMPLES)
def test_every_binance_market_has_recorded_frames_of_each_kind(venue: str) -> None:
    spoken = venues.venue(venue)
    payloads = [payload for _, payload in recorded.lines(venue)]
    instruments = spoken.instruments(venue, payloads)
    decoded = spoken.decode(frames(*payloads), instruments)
    (symbol,) = decoded.symbols
    events = decoded.symbols[symbol]
    assert min(len(events.trades), len(events.quotes), len(events.depth), len(decoded.answers)) > 0
    assert venues.detect(payloads) == venue


def test_spot_trades() -> None:
    events, _ = recorded_events("binance", "BTCUSDT")
    assert events.trades.tolist() == [
        (1002, 1723161254087896568, 1723161255342000000, 3735683259, 1, 6183763, 2000, SELL),
        (1005, 1723161254585058867, 1723161255856000000, 3735683305, 1, 6182802, 810, BUY),
    ]


def test_spot_quotes_have_no_time() -> None:
    events, decoded = recorded_events("binance", "BTCUSDT")
    assert events.quotes.tolist() == [
        (1001, 1723161254087891268, 0, 50093239212, 6183763, 378826, 6183764, 154698),
        (1003, 1723161254116723068, 0, 50093239219, 6183763, 378826, 6183764, 160520),
    ]
    assert decoded.event_times.tolist() == [
        1723161255308000000,
        0,
        1723161255342000000,
        0,
        0,
        1723161255856000000,
        1723161258209000000,
    ]


def test_spot_depth() -> None:
    events, _ = recorded_events("binance", "BTCUSDT")
    assert events.depth.tolist() == [
        (1000, 1723161254036059768, 1723161255308000000, 50093239203, 50093239207, -1, 0, 1, 4),
        (1006, 1723161256936890765, 1723161258209000000, 50093241262, 50093241266, -1, 5, 2, 2),
    ]
    assert events.levels.tolist() == [
        (5565387, 0),
        (6183804, 32332),
        (6184430, 40163),
        (6186250, 5019),
        (6186251, 0),
        (6182400, 32726),
        (6179950, 6470),
        (6184018, 4959),
        (6184019, 0),
    ]


def test_usdm_events() -> None:
    events, _ = recorded_events("binance_usdm", "BTCUSDT")
    assert events.trades.tolist() == [
        (1001, 1723161255088176367, 1723161256322000000, 5266583935, 1, 618003, 6, BUY),
        (1003, 1723161255253870966, 1723161256523000000, 5266583939, 1, 618002, 15, SELL),
    ]
    assert events.quotes.tolist() == [
        (1000, 1723161255088169167, 1723161256313000000, 5123107839020, 618002, 2507, 618003, 2510),
        (1002, 1723161255088181667, 1723161256322000000, 5123107840008, 618002, 2507, 618003, 2504),
    ]
    assert events.depth.tolist() == [
        (1005, 1723161290748709906, 1723161292018000000, 5123110691500, 5123110692581, 5123110691288, 0, 4, 2),
        (1006, 1723161291332363033, 1723161292602000000, 5123110716482, 5123110718158, 5123110716158, 6, 2, 3),
    ]
    assert events.levels.tolist()[:3] == [(50000, 2301), (330000, 5203), (617631, 92)]
    assert events.levels.tolist()[-1] == (619981, 0)


def test_coinm_events_are_in_whole_contracts() -> None:
    events, _ = recorded_events("binance_coinm", "BTCUSD_PERP")
    assert events.trades.tolist() == [
        (1004, 1723161256419684465, 1723161257679000000, 849714402, 1, 618048, 4, BUY),
        (1006, 1723161261566853644, 1723161262825000000, 849714409, 1, 618112, 4, SELL),
    ]
    assert events.quotes.tolist()[0] == (
        1001, 1723161256207640365, 1723161257465000000, 1007198632021, 618047, 35, 618048, 1645,
    )  # fmt: skip
    assert events.depth.tolist()[1] == (
        1003, 1723161256272243765, 1723161257541000000, 1007198632669, 1007198632801, 1007198632642, 6, 5, 1,
    )  # fmt: skip


def test_a_closed_bar() -> None:
    # Recorded 2021-10-12 but for x, which was false: no recording at hand holds a bar that closed.
    payload = (
        b'{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,'
        b'"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000",'
        b'"h":"0.35280000","l":"0.35220000","v":"25877.00000000","n":30,"x":true,"q":"9116.04600000",'
        b'"V":"58.00000000","Q":"20.46240000","B":"0"}}}'
    )
    nkn = Instrument("binance", "NKNUSDT", 4, 0)
    for symbol_payload, bars in (
        (
            payload,
            [
                (
                    0,
                    START * 10**9,
                    1633998480 * 10**9,
                    1633998540 * 10**9,
                    3527,
                    3528,
                    3522,
                    3528,
                    25877,
                    9116.046,
                    30,
                    58,
                )
            ],
        ),
        (payload.replace(b'"x":true', b'"x":false'), []),
        (payload.replace(b'"i":"1m"', b'"i":"5m"').replace(b"kline_1m", b"kline_5m"), []),
    ):
        decoded = decode(symbol_payload, instrument=nkn)
        assert decoded.quarantined == []
        assert decoded.event_times.tolist() == [1633998523963 * 10**6]
        found = decoded.symbols.get("NKNUSDT", SymbolEvents()).bars
        assert found.tolist() == bars


@pytest.mark.parametrize("unit", [1, 1_000])
def test_times_are_read_in_ms_and_in_us(unit: int) -> None:
    ms = 1_741_046_400_123
    decoded = decode(
        trade(1, T=ms * unit),
        quote(1, T=ms * unit),
        depth(1, 2, E=ms * unit),
        kline(t=1_741_046_340_000 * unit, T=1_741_046_400_000 * unit - 1),
    )
    events = decoded.symbols["BTCUSDT"]
    times = [events.trades["ts_event"], events.quotes["ts_event"], events.depth["ts_event"]]
    assert np.concatenate(times).tolist() == [ms * 1_000_000] * 3
    assert decoded.event_times.tolist()[:3] == [ms * 1_000_000] * 3
    assert events.bars[["ts_open", "ts_close"]].tolist() == [(1_741_046_340_000_000_000, 1_741_046_400_000_000_000)]


@pytest.mark.parametrize(
    ("payload", "reason", "told"),
    [
        (b'{"stream":"btcusdt@trade","data":{"t":1', Reason.MALFORMED, "truncated"),
        (b'{"stream":"btcusdt@trade', Reason.UNKNOWN_STREAM, "@"),
        (b"\xff\xfe not text", Reason.MALFORMED, "neither a stream frame nor a REST answer"),
        (b"", Reason.MALFORMED, "neither a stream frame nor a REST answer"),
        (b'{"rest":"weather","data":1}', Reason.MALFORMED, "rest = 'weather'"),
        (trade(1, t="one"), Reason.MALFORMED, "$.data.t"),
        (trade(-1), Reason.MALFORMED, "$.data.t"),
        (trade(10**40), Reason.MALFORMED, "$.data.t"),
        (trade(1, T=10**40), Reason.MALFORMED, "$.data.T"),
        (quote(10**40), Reason.MALFORMED, "$.data.u"),
        (depth(1, 10**40), Reason.MALFORMED, "$.data.u"),
        (kline(n=2**31), Reason.MALFORMED, "$.data.k.n"),
        (trade(1).replace(b'"61837.63"', b"NaN"), Reason.MALFORMED, "invalid"),
        (trade(1, price="NaN"), Reason.NOT_FINITE, "price = nan"),
        (trade(1, price="Infinity"), Reason.NOT_FINITE, "price = inf"),
        (trade(1, qty="-Infinity"), Reason.NOT_FINITE, "qty = -inf"),
        (trade(1, price="-61837.63"), Reason.NOT_POSITIVE, "price = -61837.63"),
        (trade(1, qty="-0.02"), Reason.NOT_POSITIVE, "qty = -0.02"),
        (trade(1, price="0"), Reason.NOT_POSITIVE, "price = 0.0"),
        (trade(1, qty="0.00000"), Reason.NOT_POSITIVE, "qty = 0.0"),
        (trade(1, price="61837.635"), Reason.OFF_TICK, "price = 61837.635"),
        (trade(1, qty="0.000001"), Reason.OFF_TICK, "qty = 1e-06"),
        (trade(1, price="1e300"), Reason.OFF_TICK, "price = 1e+300"),
        (trade(1, T=0), Reason.NO_TIME, "event time is 0"),
        (trade(1, T=-5), Reason.NO_TIME, "event time is -5"),
        (quote(1, bid="61837.64"), Reason.CROSSED, "bid 61837.64 is not below ask 61837.64"),
        (quote(1, bid="61900"), Reason.CROSSED, "bid 61900.0 is not below ask 61837.64"),
        (quote(1, qty="0"), Reason.NOT_POSITIVE, "bid_qty = 0.0"),
        (quote(1, ask="nan"), Reason.NOT_FINITE, "ask = nan"),
        (quote(1, T=-1), Reason.NO_TIME, "event time is -1"),
        (depth(1, 2, [("61837.63", "-1")]), Reason.NOT_POSITIVE, "level size = -1.0"),
        (depth(1, 2, [("0", "1")]), Reason.NOT_POSITIVE, "level price = 0.0"),
        (depth(1, 2, [], [("61837.631", "1")]), Reason.OFF_TICK, "level price = 61837.631"),
        (depth(1, 2, [("61837.63", "0.0000001")]), Reason.OFF_TICK, "level size = 1e-07"),
        (depth(1, 2, [("1e308", "1")]), Reason.OFF_TICK, "level price = 1e+308"),
        (depth(1, 2, [("61837.63", "inf")]), Reason.NOT_FINITE, "level size = inf"),
        (depth(1, 2, E=0), Reason.NO_TIME, "event time is 0"),
        (depth(3, 2), Reason.OUT_OF_ORDER, "U = 3: expected at most u = 2"),
        (kline(q="NaN"), Reason.NOT_FINITE, "quote_volume = nan"),
        (kline(q="-1"), Reason.NOT_POSITIVE, "quote_volume = -1.0"),
        (kline(h="61831"), Reason.MALFORMED, "high 61831.0"),
        (kline(l="61838.01"), Reason.MALFORMED, "low 61838.01"),
        (kline(V="3.6"), Reason.MALFORMED, "taken 3.6"),
        (kline(v="-1"), Reason.NOT_POSITIVE, "volume = -1.0"),
        (kline(T=START * 1000 - 1), Reason.NO_TIME, "expected rising times"),
        (frame("btcusdt@forceOrder", x=1), Reason.UNKNOWN_STREAM, "BTCUSDT@forceOrder"),
        (frame("ethusdt@trade", x=1), Reason.UNKNOWN_SYMBOL, "ETHUSDT@trade"),
    ],
)  # fmt: skip
def test_what_cannot_be_believed_is_quarantined_by_name(payload: bytes, reason: Reason, told: str) -> None:
    found, detail = only_fault(payload)
    assert found is reason
    assert told in detail


def test_a_quarantined_frame_keeps_its_place_and_its_text() -> None:
    (item,) = decode(trade(1), trade(2, qty="-1"), trade(3)).quarantined
    assert (item.position, item.symbol, item.stream) == (1, "BTCUSDT", "trade")
    assert item.ts_recv == START * 10**9 + 1_000_000
    assert msgspec.json.decode(item.payload)["data"]["t"] == 2


def test_a_bad_frame_costs_only_itself() -> None:
    bad = [
        b'{"stream":"btcusdt@trade","data":{"t":2,"p":',
        b'{"stream":"btcusdt@trade","data":{"t":2,"p":"\xff","q":"1","T":1,"m":true}}',
        trade(2, qty="-1"),
    ]
    for payload in bad:
        decoded = decode(trade(1), payload, quote(5), trade(3), depth(1, 2), payload)
        events = decoded.symbols["BTCUSDT"]
        assert events.trades["trade_id"].tolist() == [1, 3]
        assert events.trades["position"].tolist() == [0, 3]
        assert (len(events.quotes), len(events.depth)) == (1, 1)
        assert [item.position for item in decoded.quarantined] == [1, 5]


def test_zero_takes_a_level_away_and_empties_no_book_of_faults() -> None:
    decoded = decode(depth(1, 2, [("61837.63", "0")], [("61837.64", "0.00000")]))
    assert decoded.quarantined == []
    assert decoded.symbols["BTCUSDT"].levels.tolist() == [(6183763, 0), (6183764, 0)]


def test_two_streams_of_one_kind_are_one_in_the_order_they_came() -> None:
    slow, fast = depth(1, 2), depth(3, 4).replace(b"@100ms", b"")
    upper = trade(2).replace(b"btcusdt@", b"BTCUSDT@")
    events = decode(trade(1), slow, upper, fast, depth(5, 6), trade(3)).symbols["BTCUSDT"]
    assert events.trades["trade_id"].tolist() == [1, 2, 3]
    assert events.depth["last_id"].tolist() == [2, 4, 6]
    assert events.depth["position"].tolist() == [1, 3, 4]


def test_rest_answers_are_told_apart_from_frames() -> None:
    decoded = decode(answer("time", {"serverTime": 1}, sent=5), trade(1), b'{"lastUpdateId":7,"bids":[],"asks":[]}')
    assert [(item.position, item.kind, item.sent) for item in decoded.answers] == [(0, "time", 5), (2, "depth", 0)]
    assert decoded.answers[1].symbol == "BTCUSDT"


def test_a_bare_snapshot_among_several_symbols_is_nobodys() -> None:
    two = {name: Instrument("binance", name, 2, 5) for name in ("BTCUSDT", "ETHUSDT")}
    decoded = venues.venue("binance").decode(frames(b'{"lastUpdateId":7,"bids":[],"asks":[]}'), two)
    assert decoded.answers == []
    assert "2 symbols" in decoded.quarantined[0].detail


def test_streams_of_every_symbol_are_subscribed() -> None:
    assert venues.venue("sim_binance").streams(["BTCUSDT"]) == [
        "btcusdt@trade",
        "btcusdt@bookTicker",
        "btcusdt@depth@100ms",
        "btcusdt@kline_1m",
    ]


def test_an_unknown_venue_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'nowhere'.*binance_usdm"):
        venues.venue("nowhere")


def test_lines_of_no_venue_are_refused() -> None:
    with pytest.raises(DataError, match="2 lines"):
        venues.detect([b"a,b,c", b'{"stream":"x@y","data":{}}'])
