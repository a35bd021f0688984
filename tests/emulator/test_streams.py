"""WebSocket as a plain client sees it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import websockets
from binance import AsyncClient, BinanceSocketManager

from trifecta.emulator.record import read_frames

PRIMARY = [f"btcusdt@{kind}" for kind in ("trade", "bookTicker", "depth@100ms")]


async def receive(socket, count):
    return [json.loads(await socket.recv()) for _ in range(count)]


@pytest.mark.parametrize(("rest", "stream"), [("/api/v3", "/stream"), ("/fapi/v1", "/fstream/stream")])
async def test_snapshot_taken_while_streaming_is_bridged_by_the_diffs(venue, dict_book, top_of, rest, stream):
    path = f"{stream}?streams={'/'.join(PRIMARY)}"
    async with venue(symbols=("BTCUSDT",), rate=400.0) as emulator, emulator.connect(path) as socket:
        early = await receive(socket, 50)
        book = dict_book.of(await emulator.get(f"{rest}/depth", symbol="BTCUSDT", limit=1000))
        late = await receive(socket, 800)
    told, compared = {}, 0
    for message in early + late:
        data = message["data"]
        if message["stream"] == "btcusdt@bookTicker":
            told[data["u"]] = top_of(data)
        elif message["stream"] == "btcusdt@depth@100ms":
            book.apply(data)
            if book.applied and book.update_id in told:
                assert told[book.update_id] == book.top()
                compared += 1
    assert book.applied > 5
    assert compared > 0


async def test_clean_client_receives_exactly_the_record(venue):
    names = [f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in ("trade", "bookTicker", "depth@100ms")]
    async with venue(rate=3_000.0) as emulator:
        async with emulator.connect("/stream?streams=" + "/".join(names)) as socket:
            received = [await socket.recv(decode=False) for _ in range(3_000)]
        folder = emulator.folder
    recorded = [b'{"stream":"%b","data":%b}' % (f.stream.encode(), bytes(f.data)) for f in read_frames(folder, "spot")]
    first = recorded.index(received[0])
    assert recorded[first : first + len(received)] == received


async def test_raw_stream_sends_bare_frames(venue):
    async with venue() as emulator, emulator.connect("/fstream/ws/btcusdt@trade/btcusdt@bookTicker") as socket:
        seen = {message["e"] for message in await receive(socket, 100)}
    assert seen == {"trade", "bookTicker"}


async def test_only_subscribed_streams_are_sent(venue):
    async with venue() as emulator, emulator.connect("/stream?streams=ethusdt@trade") as socket:
        assert {message["stream"] for message in await receive(socket, 30)} == {"ethusdt@trade"}


async def test_live_requests_change_what_is_sent(venue):
    async def ask(socket, **request):
        await socket.send(json.dumps(request))
        while "id" not in (message := json.loads(await socket.recv())):
            continue
        return message

    async with venue() as emulator, emulator.connect("/ws") as socket:
        assert await ask(socket, method="SUBSCRIBE", params=["btcusdt@trade"], id=1) == {"result": None, "id": 1}
        assert {m["e"] for m in await receive(socket, 10)} == {"trade"}
        assert await ask(socket, method="LIST_SUBSCRIPTIONS", id=2) == {"result": ["btcusdt@trade"], "id": 2}
        await ask(socket, method="SET_PROPERTY", params=["combined", True], id=3)
        assert {m["stream"] for m in await receive(socket, 10)} == {"btcusdt@trade"}
        await ask(socket, method="SUBSCRIBE", params=["ethusdt@bookTicker"], id=4)
        await ask(socket, method="UNSUBSCRIBE", params=["btcusdt@trade"], id=5)
        assert {m["stream"] for m in await receive(socket, 10)} == {"ethusdt@bookTicker"}
        assert (await ask(socket, method="DANCE", params=[], id=6))["error"]["code"] == 2


async def test_request_that_is_not_json_is_refused_and_the_connection_stays(venue):
    async with venue(rate=0.0) as emulator, emulator.connect("/ws") as socket:
        await socket.send("{nonsense")
        assert "error" in json.loads(await socket.recv())
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        assert json.loads(await socket.recv()) == {"result": [], "id": 1}


async def test_other_depth_speeds_are_contiguous_from_their_first_frame(venue):
    async with venue(symbols=("BTCUSDT",)) as emulator, emulator.connect("/fstream/ws/btcusdt@depth@0ms") as socket:
        diffs = await receive(socket, 100)
    assert all(after["pu"] == before["u"] for before, after in pairwise(diffs))


async def test_kline_stream_tells_the_open_minute_and_its_close(venue):
    clock = [1_700_000_040_000]

    def now_ms():
        clock[0] += 500  # an hour of the venue passes in a few seconds
        return clock[0]

    async with venue(now_ms=now_ms, rate=50.0) as emulator, emulator.connect("/ws/btcusdt@kline_1m") as socket:
        klines = [message["k"] for message in await receive(socket, 80)]
        closed = [k for k in klines if k["x"]]
        rows = await emulator.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1000)
    assert len(closed) >= 2
    assert len({k["t"] for k in closed}) == len(closed)
    by_open = {row[0]: row for row in rows}
    for k in closed:
        row = by_open[k["t"]]
        assert [k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"]] == row[1:11]


async def test_aggregate_trades_follow_the_trades(venue):
    async with venue() as emulator, emulator.connect("/ws/btcusdt@aggTrade") as socket:
        messages = await receive(socket, 50)
    ids = [message["a"] for message in messages]
    assert ids == list(range(ids[0], ids[0] + 50))
    assert all(message["f"] == message["l"] for message in messages)


async def test_connection_is_closed_at_its_maximum_age(venue):
    async with venue(max_connection_age_s=0.2) as emulator, emulator.connect("/ws/btcusdt@trade") as socket:
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await receive(socket, 1_000_000)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001


async def test_client_that_answers_no_ping_is_dropped(venue):
    async with (
        venue(ping_s=0.05, pong_timeout_s=0.1) as emulator,
        emulator.connect("/ws/btcusdt@trade", ping_interval=None) as socket,
    ):
        socket.protocol.send_frame = lambda frame: None
        with pytest.raises(websockets.ConnectionClosedError):
            await receive(socket, 1_000_000)


async def test_python_binance_socket_manager_reads_a_stream(venue):
    async with venue() as emulator:

        class LoopbackClient(AsyncClient):
            API_URL = f"{emulator.url}/api"

        class LoopbackSockets(BinanceSocketManager):
            STREAM_URL = emulator.url.replace("http", "ws") + "/"

        client = await LoopbackClient.create()
        try:
            async with LoopbackSockets(client).trade_socket("BTCUSDT") as socket:
                assert (await socket.recv())["e"] == "trade"
        finally:
            await client.close_connection()
