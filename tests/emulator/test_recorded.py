"""A recorded market: what was recorded comes out, and REST agrees with it."""

from __future__ import annotations

import gzip
import json

import pytest

from trifecta.emulator.config import EmulatorConfig, EmulatorError, MarketName
from trifecta.emulator.record import read_trades
from trifecta.emulator.recording import Clock, look
from trifecta.emulator.server import Emulator

SPOT = "binance_raw_hftbacktest/spot/btcusdt_20240808.gz"
USDM = "binance_raw_hftbacktest/usdm/btcusdt_20240808.gz"
NAMES = {"spot": ["trade", "bookTicker", "depth@100ms"], "usdm": ["trade", "bookTicker", "depth@0ms"]}


def frames_in(path, count):
    """The first stream frames of a recorded file."""
    found = []
    with gzip.open(path) as file:
        for line in file:
            payload = line.split(b" ", 1)[1].rstrip()
            if payload.startswith(b'{"stream"'):
                found.append(payload)
            if len(found) == count:
                break
    return found


def written(path, *frames, step_ns=10_000_000):
    """A recording of hand-made frames."""
    lines = [
        f"{1_723_161_254_000_000_000 + n * step_ns} {json.dumps(frame, separators=(',', ':'))}"
        for n, frame in enumerate(frames)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def snapshot(last_id):
    return {"lastUpdateId": last_id, "bids": [["100.10", "1.000"], ["100.00", "2.500"]], "asks": [["100.20", "1.000"]]}


def depth(first, last, bid="100.05", qty="3.000"):
    data = {"e": "depthUpdate", "E": 1723161255308, "s": "ABCUSDT", "U": first, "u": last, "b": [[bid, qty]], "a": []}
    return {"stream": "abcusdt@depth@100ms", "data": data}


def trade(number, price="100.20", ms=1723161255308):
    data = {"e": "trade", "E": ms + 1, "s": "ABCUSDT", "t": number, "p": price, "q": "0.500", "T": ms, "m": False}
    return {"stream": "abcusdt@trade", "data": data}


def path_of(market):
    prefix = "" if market == "spot" else "/fstream"
    return f"{prefix}/stream?streams=" + "/".join(f"btcusdt@{name}" for name in NAMES[market])


@pytest.mark.recorded
@pytest.mark.parametrize(("market", "file", "rest"), [("spot", SPOT, "/api/v3"), ("usdm", USDM, "/fapi/v1")])
async def test_frames_come_as_recorded_and_rebuild_the_book(venue, recorded, dict_book, top_of, market, file, rest):
    count = 20_000
    expected = frames_in(recorded / file, count)
    async with venue(recorded=(recorded / file,), speed=0.0, shift_times=False) as emulator:
        book = dict_book.of(await emulator.get(f"{rest}/depth", symbol="BTCUSDT", limit=1000))
        async with emulator.connect(path_of(market)) as socket:
            received = [await socket.recv(decode=False) for _ in range(count)]
        info = await emulator.get(f"{rest}/exchangeInfo")
    assert received == expected
    told, compared = {}, 0
    for message in map(json.loads, received):
        if message["stream"] == "btcusdt@bookTicker":
            told[message["data"]["u"]] = top_of(message["data"])
        elif "depth" in message["stream"]:
            book.apply(message["data"])
            if book.applied and book.update_id in told:
                assert told[book.update_id] == book.top()
                compared += 1
    assert book.applied > 1_000
    assert compared > 50
    filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
    assert float(filters["PRICE_FILTER"]["tickSize"]) == (0.01 if market == "spot" else 0.1)
    # On spot an order from before the lot was made coarser still stands in the book: six decimals.
    assert float(filters["LOT_SIZE"]["stepSize"]) == (0.000001 if market == "spot" else 0.001)


@pytest.mark.recorded
async def test_rest_depth_trades_and_klines_agree_with_what_was_sent(venue, recorded, dict_book):
    async with venue(recorded=(recorded / SPOT,), speed=0.0) as emulator:
        book = dict_book.of(await emulator.get("/api/v3/depth", symbol="BTCUSDT", limit=5000))
        seen = []
        async with emulator.connect(path_of("spot")) as socket:
            while (await emulator.get("/control/state"))["phase"] != "finished":
                for _ in range(2_000):
                    if len(seen) == 41_248:
                        break
                    seen.append(json.loads(await socket.recv()))
        now = await emulator.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        trades = [message["data"] for message in seen if message["stream"] == "btcusdt@trade"]
        rows = await emulator.get("/api/v3/historicalTrades", symbol="BTCUSDT", fromId=trades[0]["t"], limit=1000)
        klines = await emulator.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1000)
        folder = emulator.folder
    for message in seen:
        if "depth" in message["stream"]:
            book.apply(message["data"])
    assert book.applied > 3_000
    assert book.update_id == now["lastUpdateId"]
    best = dict_book.of(now)
    assert book.top() == best.top()
    assert best.bids.items() <= book.bids.items()
    assert best.asks.items() <= book.asks.items()
    assert [(r["id"], r["price"], r["qty"], r["time"]) for r in rows] == [
        (t["t"], t["p"], t["q"], t["T"]) for t in trades[:1000]
    ]
    assert [int(t) for t in read_trades(folder)["id"]] == [t["t"] for t in trades]
    assert sum(k[8] for k in klines) == len(trades)


@pytest.mark.recorded
async def test_shifted_frames_differ_in_their_times_alone(venue, recorded):
    clock = 1_800_000_000_000
    async with (
        venue(recorded=(recorded / SPOT,), speed=0.0, now_ms=lambda: clock) as emulator,
        emulator.connect(path_of("spot")) as socket,
    ):
        received = [json.loads(await socket.recv()) for _ in range(2_000)]
    for got, original in zip(received, map(json.loads, frames_in(recorded / SPOT, 2_000)), strict=True):
        for name in ("E", "T"):
            if name in original["data"]:
                assert got["data"][name] == clock
                del got["data"][name], original["data"][name]
        assert got == original


@pytest.mark.parametrize(("speed", "later_ms"), [(1.0, 5_000), (10.0, 500)])
def test_times_are_moved_to_now_at_the_pace_of_the_recording(speed, later_ms):
    clock = Clock(first_ms=1_723_161_255_000, start_ms=1_800_000_000_000, speed=speed)
    assert clock.moved(1_723_161_255_000) == 1_800_000_000_000
    assert clock.moved(1_723_161_260_000) == 1_800_000_000_000 + later_ms


async def test_end_of_the_recording_is_silence_and_said(venue, tmp_path):
    file = written(tmp_path / "r.log", snapshot(10), depth(11, 12), trade(5))
    async with venue(recorded=(file,), speed=0.0) as emulator:
        assert (await emulator.get("/control/state"))["phase"] == "waiting"
        async with emulator.connect("/stream?streams=abcusdt@depth@100ms/abcusdt@trade") as socket:
            assert [json.loads(await socket.recv())["stream"] for _ in range(2)] == [
                "abcusdt@depth@100ms",
                "abcusdt@trade",
            ]
            await (await socket.ping())
            assert (await emulator.get("/control/state"))["phase"] == "finished"


async def test_looped_recording_goes_on_with_rising_ids(venue, tmp_path):
    file = written(tmp_path / "r.log", snapshot(10), depth(11, 12), trade(5), depth(13, 14), trade(6))
    async with (
        venue(recorded=(file,), speed=0.0, loop=True) as emulator,
        emulator.connect("/stream?streams=abcusdt@depth@100ms/abcusdt@trade") as socket,
    ):
        messages = [json.loads(await socket.recv()) for _ in range(12)]
    trades = [m["data"]["t"] for m in messages if "trade" in m["stream"]]
    diffs = [(m["data"]["U"], m["data"]["u"]) for m in messages if "depth" in m["stream"]]
    assert trades == [5, 6, 7, 8, 9, 10]
    firsts = [first for first, _ in diffs]
    assert firsts == sorted(set(firsts))
    assert diffs[1][0] == diffs[0][1] + 1
    assert diffs[2][0] > diffs[1][1] + 1, "the book jumps back, so clients must see a gap"


async def test_depth_is_refused_while_no_snapshot_was_recorded(venue, tmp_path):
    file = written(tmp_path / "r.log", depth(11, 12), trade(5))
    async with venue(recorded=(file,)) as emulator:
        status, _, body = await emulator.ask("/api/v3/depth", symbol="ABCUSDT")
    assert status == 503
    assert "snapshot" in body["msg"]


async def test_snapshot_behind_its_diffs_is_brought_up_to_date(venue, tmp_path):
    """A gap makes the book unknown; the snapshot that follows is older than the diffs already seen."""
    gap = (depth(21, 22, qty="7.000"), depth(23, 24, qty="9.000"))
    file = written(tmp_path / "r.log", snapshot(10), depth(11, 12), *gap, snapshot(22), trade(5))
    async with venue(recorded=(file,), speed=0.0) as emulator:
        async with emulator.connect("/stream?streams=abcusdt@trade") as socket:
            await socket.recv()
        answer = await emulator.get("/api/v3/depth", symbol="ABCUSDT")
    assert answer["lastUpdateId"] == 24
    assert ["100.05", "9.000"] in answer["bids"]


async def test_diffs_are_served_under_the_speed_that_was_asked(venue, tmp_path):
    file = written(tmp_path / "r.log", snapshot(10), depth(11, 12))
    async with (
        venue(recorded=(file,), speed=0.0) as emulator,
        emulator.connect("/stream?streams=abcusdt@depth") as socket,
    ):
        message = json.loads(await socket.recv())
    assert (message["stream"], message["data"]["u"]) == ("abcusdt@depth", 12)


async def test_journal_with_named_snapshots_and_other_answers_is_played(venue, tmp_path):
    wrapped = {"rest": "depth", "symbol": "ABCUSDT", "data": snapshot(10)}
    other = {"rest": "time", "data": {"serverTime": 1}}
    file = written(tmp_path / "r.log", other, trade(5), wrapped, depth(11, 12), trade(6))
    async with venue(recorded=(file,), speed=0.0) as emulator:
        async with emulator.connect("/stream?streams=abcusdt@trade") as socket:
            assert [json.loads(await socket.recv())["data"]["t"] for _ in range(2)] == [5, 6]
        assert (await emulator.get("/api/v3/depth", symbol="ABCUSDT"))["lastUpdateId"] == 12


async def test_broken_frames_are_sent_on_and_teach_nothing(venue, tmp_path):
    file = written(
        tmp_path / "r.log", snapshot(10), depth(11, 12), trade(5), trade(6, price="NaN"), trade(7, price="-1")
    )
    torn = b'1723161254900000000 {"stream":"abcusdt@trade","data":{"e":"trade","E":17231612}\n'
    file.write_bytes(file.read_bytes() + torn)
    async with venue(recorded=(file,), speed=0.0) as emulator:
        async with emulator.connect("/stream?streams=abcusdt@trade") as socket:
            received = [await socket.recv(decode=False) for _ in range(4)]
        rows = await emulator.get("/api/v3/trades", symbol="ABCUSDT")
    assert b'"NaN"' in received[1]
    assert received[3] == torn.split(b" ", 1)[1].rstrip()
    assert [row["id"] for row in rows] == [5]


def test_zstd_recording_reads_like_the_plain_one(tmp_path):
    import pyarrow

    plain = written(tmp_path / "r.log", snapshot(10), depth(11, 12), trade(5))
    packed = tmp_path / "r.zst"
    with pyarrow.CompressedOutputStream(str(packed), "zstd") as stream:
        stream.write(plain.read_bytes())
    assert look(packed) == look(plain)


def test_recording_without_frames_is_refused_by_name(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("nothing of a market\n")
    with pytest.raises(EmulatorError, match=r"recorded = .*notes.txt"):
        look(file)


def test_folder_of_a_generated_market_is_not_played_over(start, tmp_path):
    start().stop()
    file = written(tmp_path / "r.log", snapshot(10), depth(11, 12))
    with pytest.raises(EmulatorError, match="generated market"):
        Emulator(EmulatorConfig(tmp_path / "market", recorded=(file,)))


def test_market_of_a_recording_is_seen_from_its_frames(tmp_path):
    usdm = depth(11, 12)
    usdm["data"]["pu"] = 10
    assert look(written(tmp_path / "a.log", snapshot(10), depth(11, 12))).market is MarketName.SPOT
    assert look(written(tmp_path / "b.log", snapshot(10), usdm)).market is MarketName.USDM
