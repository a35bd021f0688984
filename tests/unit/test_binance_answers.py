"""Binance's REST answers: body → snapshot, trades, bars, clock offset, instruments, or an error that says why not."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests import recorded
from tests.unit.payloads import SPOT, START, answer, frames, kline, past_trades, snapshot, trade
from trifecta import venues
from trifecta.errors import DataError
from trifecta.market.instruments import Instrument, decimals, infer
from trifecta.market.quarantine import Reason
from trifecta.venues import binance_answers as answers
from trifecta.venues.venue import Answer

NS = 1_000_000_000
ROW = [
    1499040000000, "0.01634790", "0.80000000", "0.01575800", "0.01577100", "148976.11427815",
    1499040059999, "2434.19055334", 308, "1756.87402397", "28.46694368", "0",
]  # fmt: skip
FINE = Instrument("binance", "ETHBTC", 8, 8)
# Recorded 2021-10-12; fields that are not read are left out.
EXCHANGE_INFO = (
    b'{"timezone":"UTC","serverTime":1633998511098,"symbols":[{"symbol":"NKNUSDT","status":"TRADING","filters":['
    b'{"filterType":"PRICE_FILTER","minPrice":"0.00010000","maxPrice":"1000.00000000","tickSize":"0.00010000"},'
    b'{"filterType":"PERCENT_PRICE","multiplierUp":"5","multiplierDown":"0.2","avgPriceMins":5},'
    b'{"filterType":"LOT_SIZE","minQty":"1.00000000","maxQty":"9000000.00000000","stepSize":"1.00000000"},'
    b'{"filterType":"MIN_NOTIONAL","minNotional":"10.00000000","applyToMarket":true,"avgPriceMins":5}]}]}'
)


def read(payload: bytes) -> Answer:
    return answers.read(payload, 7, START * NS, ["BTCUSDT"])


@pytest.mark.parametrize(
    ("venue", "symbol", "last_id", "bids", "asks"),
    [
        (
            "binance", "BTCUSDT", 50093239218,
            [(6183763, 378826), (6183762, 61700), (6183724, 10610)],
            [(6183764, 154698), (6183765, 843), (6183768, 16)],
        ),
        (
            "binance_usdm", "BTCUSDT", 5123107852948,
            [(618002, 2909), (618001, 696), (618000, 20004)],
            [(618003, 1072), (618007, 2), (618010, 3)],
        ),
        (
            "binance_coinm", "BTCUSD_PERP", 1007198635033,
            [(618047, 35), (618020, 8), (618008, 53)],
            [(618048, 1645), (618051, 1), (618052, 45)],
        ),
    ],
)  # fmt: skip
def test_recorded_depth_snapshots(
    venue: str, symbol: str, last_id: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    payloads = [payload for _, payload in recorded.lines(venue)]
    instruments = venues.venue(venue).instruments(venue, payloads)
    (found,) = venues.venue(venue).decode(frames(*payloads), instruments).answers
    got = venues.venue(venue).read_snapshot(found, instruments[symbol])
    assert (got[0], got[1].tolist(), got[2].tolist()) == (last_id, bids, asks)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (snapshot(5, bids=[("61837.64", "1")]), "crossed: bid 61837.64 is not below ask 61837.64"),
        (snapshot(5, bids=[("61837.631", "1")]), "1 of 2 levels"),
        (snapshot(5, bids=[("61837.63", "NaN")]), "1 of 2 levels"),
        (snapshot(-5), "lastUpdateId"),
        (answer("depth", {"bids": [], "asks": []}), "lastUpdateId"),
        (answer("depth", None), "depth of BTCUSDT"),
    ],
)
def test_a_snapshot_that_cannot_be_a_book_is_refused(payload: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        answers.snapshot(read(payload), SPOT)


def test_past_trades_come_by_rising_id_with_the_answers_place() -> None:
    events, faults = answers.trades(read(past_trades(1, 3, [(3, START + 2), (1, START)])), SPOT)
    assert faults == []
    assert events.tolist() == [
        (7, START * NS, START * NS, 1, 1, 6183763, 2000, 1),
        (7, START * NS, (START + 2) * NS, 3, 1, 6183763, 2000, 1),
    ]


def test_the_documented_past_trade() -> None:
    body = b"""[{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,
        "isBuyerMaker":true,"isBestMatch":true}]"""
    events, _ = answers.trades(Answer(7, 9, "historicalTrades", "ETHBTC", body), FINE)
    assert events.tolist() == [(7, 9, 1499865549590 * 10**6, 28457, 1, 400000100, 1200000000, -1)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"price": "-1"}, Reason.NOT_POSITIVE), ({"qty": "NaN"}, Reason.NOT_FINITE), ({"time": 0}, Reason.NO_TIME)],
)
def test_a_bad_past_trade_is_a_fault_and_no_trade(changed: dict[str, object], reason: Reason) -> None:
    events, faults = answers.trades(read(past_trades(1, 1, [(1, START)], **changed)), SPOT)
    assert len(events) == 0
    assert [fault.reason for fault in faults] == [reason]


def test_klines_leave_out_the_bar_that_may_still_be_open() -> None:
    later = [1499040060000, *ROW[1:6], 1499040119999, *ROW[7:]]
    events, faults = answers.klines(read(answer("klines", [ROW, later])), FINE)
    assert faults == []
    assert events.tolist() == [
        (
            7, START * NS, 1499040000 * NS, 1499040060 * NS, 1634790, 80000000, 1575800, 1577100,
            14897611427815, 2434.19055334, 308, 175687402397,
        )
    ]  # fmt: skip


def test_no_klines_are_no_bars() -> None:
    events, faults = answers.klines(read(answer("klines", [])), SPOT)
    assert (len(events), faults) == (0, [])


def test_stream_and_rest_tell_the_same_bar() -> None:
    data = msgspec.json.decode(kline())["data"]["k"]
    rows = [[data[name] for name in "tohlcvTqnVQ"] + ["0"]] * 2
    from_rest, _ = answers.klines(read(answer("klines", rows)), SPOT)
    from_stream = venues.venue("binance").decode(frames(kline()), {"BTCUSDT": SPOT}).symbols["BTCUSDT"].bars
    names = list(from_rest.dtype.names or ())[2:]
    assert from_rest[names].tolist() == from_stream[names].tolist()


def test_clock_offset_takes_the_request_for_as_long_as_the_answer() -> None:
    sent, came = START * NS, START * NS + 40_000_000
    payload = answer("time", {"serverTime": START * 1000 + 1260}, sent=sent)
    assert answers.clock_offset(answers.read(payload, 1, came, [])) == (1_240_000_000, 40_000_000)


def test_a_clock_beyond_what_nanoseconds_hold_is_refused() -> None:
    with pytest.raises(DataError, match="serverTime"):
        answers.clock_offset(read(answer("time", {"serverTime": 10**17}, sent=1)))


def test_recorded_exchange_info_names_tick_lot_and_smallest_order() -> None:
    assert answers.exchange_info("binance", EXCHANGE_INFO) == {
        "NKNUSDT": Instrument("binance", "NKNUSDT", 4, 0, Decimal("0.0001"), Decimal(1), Decimal(10))
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"PRICE_FILTER", b"PRICE", "NKNUSDT has no filter 'PRICE_FILTER'"),
        (b'"tickSize":"0.00010000"', b'"tickSize":"small"', "'small'"),
        (b'"minNotional":"10.00000000"', b'"minNotional":"ten"', "'ten'"),
        (b'"symbol":', b'"name":', "symbol"),
        (b"NKNUSDT", b"\xff", "exchange info of binance"),
    ],
)
def test_exchange_info_that_cannot_be_read_says_why(old: bytes, new: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        answers.exchange_info("binance", EXCHANGE_INFO.replace(old, new))


def test_instruments_come_from_the_decimals_used_where_no_exchange_info_is_at_hand() -> None:
    payloads = [payload for _, payload in recorded.lines("binance")]
    assert answers.instruments("binance", payloads) == {
        "BTCUSDT": Instrument("binance", "BTCUSDT", 2, 5, Decimal("0.01"), Decimal("0.00001"))
    }


def test_exchange_info_wins_over_the_decimals_used() -> None:
    wrapped = b'{"rest":"exchangeInfo","data":' + EXCHANGE_INFO + b"}"
    assert list(answers.instruments("binance", [trade(1), wrapped])) == ["NKNUSDT"]


def test_of_an_exchange_info_only_the_symbols_that_are_recorded_count() -> None:
    both = EXCHANGE_INFO.replace(
        b'"symbols":[', b'"symbols":[' + EXCHANGE_INFO[EXCHANGE_INFO.index(b'{"symbol"') : -2] + b","
    )
    both = both.replace(b"NKNUSDT", b"BTCUSDT", 1)
    wrapped = b'{"rest":"exchangeInfo","data":' + both + b"}"
    assert set(answers.instruments("binance", [wrapped])) == {"BTCUSDT", "NKNUSDT"}
    assert list(answers.instruments("binance", [wrapped, trade(1)])) == ["BTCUSDT"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b'{"stream":"',
        b'{"stream":1,"data":{}}',
        b'{"stream":"btcusdt@trade","data":"p and q"}',
        b'{"stream":"btcusdt@depth","data":{"b":[["1"]],"a":[]}}',
        b'{"stream":"btcusdt@trade","data":{"p":[],"q":{}}}',
        b'{"lastUpdateId":1,"bids":[["1"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[[["1"],"2"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[["x","2"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":"\xff"',
    ],
)
def test_broken_payloads_do_not_disturb_the_inference(payload: bytes) -> None:
    assert answers.instruments("binance", [payload, trade(1, price="61837.63", qty="0.5")])["BTCUSDT"].price_scale == 2


@pytest.mark.parametrize(
    ("text", "needed"), [("0.00100000", 3), ("1", 0), ("61837.63", 2), ("-0.5", 1), ("0.000000000001", 12)]
)
def test_decimals_that_a_text_needs(text: str, needed: int) -> None:
    assert decimals(text) == needed


@pytest.mark.parametrize("text", ["", ".", "1e-5", "NaN", "1,5", "0.0000000000001", "1.2.3", "--1"])
def test_what_is_no_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="decimal number"):
        decimals(text)


def test_an_inferred_instrument_fits_its_whole_sample() -> None:
    found = infer("binance", "X", ["1.5", "2.250"], ["3", "0.001"])
    assert (found.price_scale, found.qty_scale, found.tick, found.lot) == (2, 3, Decimal("0.01"), Decimal("0.001"))
