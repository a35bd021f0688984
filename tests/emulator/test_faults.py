"""Each fault does what it says, to clients only: the record stays as the venue made it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
import websockets

from trifecta.emulator.config import EmulatorError, Fault, FaultKind, MarketName
from trifecta.emulator.faults import Faults
from trifecta.emulator.record import read_frames
from trifecta.emulator.streams import Outgoing, Stream

TRADE = (
    b'{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":%d,"p":"61837.63000000","q":"0.02000000",'
    b'"T":1723161255342,"m":true,"M":true}'
)
TICKER = b'{"u":9,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}'
DEPTH = (
    b'{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":3,"u":7,"b":[["55653.87000000","0.00000000"]],'
    b'"a":[["61838.04000000","0.32332000"]]}'
)


class Line:
    """What clients of one market get, with a clock that stands still."""

    def __init__(self, *faults):
        self.now_s = 0.0
        self.faults = Faults(lambda: self.now_s)
        for fault in faults:
            self.faults.add(fault)
        self._streams = {}

    def send(self, name, *payloads):
        stream = self._streams.setdefault(name, Stream(name))
        frames = [Outgoing(stream, data, stream.prefix + data + b"}") for data in payloads]
        return [frame.data for frame in self.faults.transform(MarketName.SPOT)(frames)]


def trades(*ids):
    return [TRADE % number for number in ids]


def ids(frames):
    return [json.loads(frame)["t"] for frame in frames]


def test_without_faults_frames_pass():
    assert ids(Line().send("btcusdt@trade", *trades(1, 2))) == [1, 2]


def test_gap_loses_as_many_frames_as_it_says():
    line = Line(Fault(FaultKind.GAP, count=2, stream="trade"))
    assert line.send("btcusdt@bookTicker", TICKER) == [TICKER]
    assert ids(line.send("btcusdt@trade", *trades(1, 2, 3, 4))) == [3, 4]
    assert line.faults.active() == []


def test_fault_of_one_symbol_or_market_leaves_the_others():
    line = Line(Fault(FaultKind.GAP, symbol="ETHUSDT"), Fault(FaultKind.GAP, market="usdm"))
    assert ids(line.send("btcusdt@trade", *trades(1))) == [1]
    assert line.send("ethusdt@trade", *trades(1)) == []


def test_duplicate_sends_frames_twice():
    assert ids(Line(Fault(FaultKind.DUPLICATE, count=2)).send("btcusdt@trade", *trades(1, 2, 3))) == [1, 1, 2, 2, 3]


def test_reorder_sends_a_frame_after_its_successor_on_the_same_stream():
    line = Line(Fault(FaultKind.REORDER))
    assert line.send("btcusdt@trade", *trades(1)) == []
    assert line.send("btcusdt@bookTicker", TICKER) == [TICKER]
    assert ids(line.send("btcusdt@trade", *trades(2, 3))) == [2, 1, 3]
    assert line.faults.active() == []


def test_bad_json_is_no_json_raw_or_wrapped():
    stream = Stream("btcusdt@trade")
    faults = Faults(lambda: 0.0)
    faults.add(Fault(FaultKind.BAD_JSON))
    whole = trades(1)[0]
    (sent,) = faults.transform(MarketName.SPOT)([Outgoing(stream, whole, stream.prefix + whole + b"}")])
    for payload in (sent.data, sent.wrapped):
        with pytest.raises(json.JSONDecodeError):
            json.loads(payload)


@pytest.mark.parametrize("value", ["NaN", "-1"])
def test_bad_price_replaces_the_first_price(value):
    line = Line(Fault(FaultKind.BAD_PRICE, count=3, value=value))
    trade, quote, diff = (
        json.loads(line.send(name, data)[0])
        for name, data in (("btcusdt@trade", trades(1)[0]), ("btcusdt@bookTicker", TICKER), ("btcusdt@depth", DEPTH))
    )
    assert (trade["p"], quote["b"], diff["b"][0][0]) == (value, value, value)
    assert (trade["q"], quote["a"], diff["a"]) == ("0.02000000", "61837.64000000", [["61838.04000000", "0.32332000"]])


def test_crossed_puts_the_bid_above_the_ask_and_spares_trades():
    line = Line(Fault(FaultKind.CROSSED, count=2))
    assert ids(line.send("btcusdt@trade", *trades(1))) == [1]
    quote = json.loads(line.send("btcusdt@bookTicker", TICKER)[0])
    assert float(quote["b"]) > float(quote["a"])
    diff = json.loads(line.send("btcusdt@depth@100ms", DEPTH)[0])
    assert float(diff["b"][0][0]) > float(diff["a"][0][0])
    assert float(diff["b"][0][1]) > 0


def test_future_moves_event_times_ahead():
    frames = Line(Fault(FaultKind.FUTURE, ms=60_000)).send("btcusdt@trade", *trades(1, 2))
    assert [json.loads(frame)["E"] - 1723161255343 for frame in frames] == [60_000, 0]
    assert [json.loads(frame)["T"] - 1723161255342 for frame in frames] == [60_000, 0]


def test_clock_skew_moves_server_and_event_times_while_it_lasts():
    line = Line(Fault(FaultKind.CLOCK_SKEW, ms=-5_000, duration_s=10.0))
    assert json.loads(line.send("btcusdt@trade", *trades(1))[0])["E"] == 1723161255343 - 5_000
    assert line.faults.skew_ms(MarketName.SPOT) == -5_000
    line.now_s = 10.0
    assert line.send("btcusdt@trade", *trades(2)) == trades(2)
    assert line.faults.skew_ms(MarketName.SPOT) == 0


def test_stall_loses_frames_while_it_lasts():
    line = Line(Fault(FaultKind.STALL, duration_s=3.0))
    assert line.send("btcusdt@trade", *trades(1, 2)) == []
    line.now_s = 3.0
    assert ids(line.send("btcusdt@trade", *trades(3))) == [3]


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"count": 0}, "count"), ({"market": "moon"}, "market"), ({"status": 200}, "status"), ({"at_s": -1.0}, "at_s")],
)
def test_fault_that_makes_no_sense_is_refused_by_name(settings, field):
    with pytest.raises(EmulatorError, match=f"fault.{field} = .*expected"):
        Fault(FaultKind.GAP, **settings)


async def next_trades(socket, count):
    return [json.loads(await socket.recv())["t"] for _ in range(count)]


async def test_cut_drops_the_sockets_of_its_market(venue):
    async with (
        venue() as emulator,
        emulator.connect("/ws/btcusdt@trade") as spot,
        emulator.connect("/fstream/ws/btcusdt@trade") as usdm,
    ):
        await emulator.control("fault", {"kind": "cut", "market": "spot"})
        with pytest.raises(websockets.ConnectionClosedError):
            await next_trades(spot, 1_000_000)
        assert len(await next_trades(usdm, 10)) == 10


async def test_gap_is_seen_by_clients_and_not_in_the_record(venue):
    async with venue() as emulator, emulator.connect("/ws/btcusdt@trade") as socket:
        (before,) = await next_trades(socket, 1)
        await emulator.control("fault", {"kind": "gap", "count": 5, "symbol": "BTCUSDT", "stream": "trade"})
        seen = await next_trades(socket, 100)
        missing = set(range(before + 1, seen[-1] + 1)) - set(seen)
        assert len(missing) == 5
        rows = await emulator.get("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=min(missing), limit=5)
        assert {row["id"] for row in rows} == missing
        recorded = {
            json.loads(bytes(frame.data))["t"]
            for frame in read_frames(emulator.folder, "spot")
            if frame.stream == "btcusdt@trade"
        }
    assert missing < recorded


async def test_stall_keeps_the_connection_and_answers_pings(venue):
    async with venue() as emulator, emulator.connect("/ws/btcusdt@trade") as socket:
        before = (await next_trades(socket, 1))[0]
        await emulator.control("fault", {"kind": "stall", "duration_s": 0.3})
        await (await socket.ping())
        seen = [before]
        while seen[-1] == seen[0] + len(seen) - 1:
            seen += await next_trades(socket, 1)
    assert seen[-1] > seen[-2] + 1


async def test_scheduled_fault_acts_by_itself(venue):
    faults = (Fault(FaultKind.GAP, count=3, stream="trade", market="spot", at_s=0.2),)
    async with venue(faults=faults) as emulator, emulator.connect("/ws/btcusdt@trade") as socket:
        seen = await next_trades(socket, 2)
        while seen[-1] == seen[0] + len(seen) - 1:
            seen += await next_trades(socket, 1)
    assert seen[-1] == seen[-2] + 4


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"kind": "http_429", "duration_s": 7}, 429), ({"kind": "http_5xx", "status": 502}, 502)],
)
async def test_http_faults_hit_the_requests_they_name(venue, fault, status):
    async with venue() as emulator:
        await emulator.control("fault", fault | {"stream": "depth", "count": 2})
        assert (await emulator.ask("/api/v3/ping"))[0] == 200
        answers = [await emulator.ask("/api/v3/depth", symbol="BTCUSDT") for _ in range(3)]
    assert [answer[0] for answer in answers] == [status, status, 200]
    assert answers[0][1].get("Retry-After") == ("7" if status == 429 else None)


async def test_timeout_lets_a_request_wait(venue):
    async with venue() as emulator:
        await emulator.control("fault", {"kind": "timeout", "duration_s": 30})
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(f"{emulator.url}/api/v3/time")
            async with session.get(f"{emulator.url}/api/v3/time") as response:
                assert response.status == 200


async def test_clock_skew_shows_in_server_time(venue):
    async with venue(now_ms=lambda: 1_700_000_000_000) as emulator:
        await emulator.control("fault", {"kind": "clock_skew", "ms": 2_500, "duration_s": 60})
        assert (await emulator.get("/fapi/v1/time"))["serverTime"] == 1_700_000_002_500


async def test_control_refuses_what_it_does_not_know_and_says_why(venue):
    async with venue() as emulator:
        assert "kind" in (await emulator.control("fault", {"kind": "earthquake"}))["error"]
        assert "count" in (await emulator.control("fault", {"kind": "gap", "count": 0}))["error"]
        assert "rate" in (await emulator.control("rate", {"rate": -1}))["error"]


async def test_control_state_tells_what_runs(venue):
    async with venue(rate=500.0) as emulator, emulator.connect("/ws/btcusdt@trade") as socket:
        await next_trades(socket, 3)
        state = await emulator.control("rate", {"rate": 50})
        await emulator.control("fault", {"kind": "stall", "duration_s": 60})
        after = await emulator.get("/control/state")
        record = await emulator.get("/control/record", market="spot", symbol="BTCUSDT", limit=2)
    assert (state["market"], state["source"], state["phase"], state["rate"]) == (
        "SIMULATED",
        "generated",
        "running",
        50,
    )
    assert state["markets"]["spot"]["connections"] == 1
    assert state["markets"]["spot"]["symbols"]["BTCUSDT"]["last_trade_id"] > 0
    assert after["faults"] == {"injected": {"stall": 1}, "active": [{"kind": "stall", "left": 1}]}
    assert record[1]["id"] == record[0]["id"] + 1
