"""The generated market, advanced by hand: what it publishes is consistent, and goes on after a restart."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from trifecta.emulator.config import EmulatorConfig, EmulatorError, MarketName
from trifecta.emulator.klines import KLINE
from trifecta.emulator.record import TRADE, read_frames, read_trades, trade_path
from trifecta.emulator.server import Emulator

START = 1_700_000_040_000
MINUTE_MS = 60_000
MARKETS = (MarketName.SPOT, MarketName.USDM)


def frames_of(folder, market, stream):
    return [json.loads(bytes(frame.data)) for frame in read_frames(folder, market) if frame.stream == stream]


@pytest.mark.parametrize("market", MARKETS)
def test_book_rebuilt_from_snapshot_and_diffs_is_the_venues_book(start, dict_book, market, tmp_path):
    run = start(rate=500.0)
    book = dict_book.of(run.depth(market, "BTCUSDT"))
    run.advance(250)
    run.market.rate = 0.0
    run.advance(0.2)  # the last diff tells what happened since the one before
    for diff in frames_of(tmp_path / "market", market, "btcusdt@depth@100ms"):
        book.apply(diff)
    now = dict_book.of(run.depth(market, "BTCUSDT"))
    assert book.update_id == now.update_id
    assert book.applied > 2_400
    assert (book.bids, book.asks) == (now.bids, now.asks)


@pytest.mark.parametrize("market", MARKETS)
def test_book_ticker_is_the_top_of_the_book_at_the_same_update_id(start, dict_book, top_of, market, tmp_path):
    run = start(rate=100.0)
    book = dict_book.of(run.depth(market, "BTCUSDT"))
    run.advance(300)
    told: dict[int, tuple[int, ...]] = {}
    compared = 0
    for frame in read_frames(tmp_path / "market", market):
        message = json.loads(bytes(frame.data))
        if frame.stream == "btcusdt@bookTicker":
            told[message["u"]] = top_of(message)
        elif frame.stream == "btcusdt@depth@100ms":
            book.apply(message)
            if book.update_id in told:
                assert told[book.update_id] == book.top()
                compared += 1
    assert compared > 250


def test_frames_made_a_second_are_the_rate(start, tmp_path):
    run = start(symbols=("PAXGUSDT", "BTCUSDT", "ETHUSDT"), rate=500.0)
    run.advance(20)
    made = sum(1 for market in MARKETS for _ in read_frames(tmp_path / "market", market))
    assert made == pytest.approx(500 * 20, rel=0.02)


def test_every_symbol_trades_quotes_and_changes_on_both_markets(start, tmp_path):
    symbols = ("PAXGUSDT", "BTCUSDT", "ETHUSDT")
    run = start(symbols=symbols, rate=200.0)
    run.advance(20)
    for market in MARKETS:
        seen = Counter(frame.stream for frame in read_frames(tmp_path / "market", market))
        assert set(seen) == {f"{s.lower()}@{k}" for s in symbols for k in ("trade", "bookTicker", "depth@100ms")}


def test_same_seed_makes_the_same_frames(start, tmp_path):
    written = []
    for name in ("one", "two"):
        run = start(folder=tmp_path / name)
        run.advance(10)
        written.append([(f.stream, bytes(f.data)) for f in read_frames(tmp_path / name, MarketName.SPOT)])
    assert written[0] == written[1]
    assert len(written[0]) > 5_000


def test_trade_ids_have_no_hole_and_prices_are_on_tick_and_lot(start, tmp_path):
    run = start()
    run.advance(20)
    trades = read_trades(tmp_path / "market")
    for market, tick, lot in ((b"spot", 10**6, 10**3), (b"usdm", 10**7, 10**5)):
        own = trades[trades["market"] == market]
        assert len(own) > 1_000
        assert (np.diff(own["id"]) == 1).all()
        assert (own["price_e8"] % tick == 0).all()
        assert (own["qty_e8"] % lot == 0).all()
        assert (own["qty_e8"] > 0).all()
        assert (np.diff(own["ts_event_ms"]) >= 0).all()


def test_recorded_trades_are_the_trades_of_the_frames(start, tmp_path):
    run = start()
    run.advance(10)
    trades = read_trades(tmp_path / "market")
    kept = [
        (int(t["id"]), Decimal(int(t["price_e8"])) / 10**8, Decimal(int(t["qty_e8"])) / 10**8, bool(t["buyer_maker"]))
        for t in trades[trades["market"] == b"usdm"]
    ]
    told = [
        (t["t"], Decimal(t["p"]), Decimal(t["q"]), t["m"])
        for t in frames_of(tmp_path / "market", MarketName.USDM, "btcusdt@trade")
    ]
    assert kept == told


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ids_and_book_go_on_across_a_restart(start, dict_book, end, tmp_path):
    run = start(checkpoint_s=3.0)
    book = dict_book.of(run.depth(MarketName.SPOT, "BTCUSDT"))
    run.advance(7.33)
    getattr(run, end)()
    after = start(now_ms=run.now_ms + 3 * MINUTE_MS, checkpoint_s=3.0)
    after.advance(7.33)
    for diff in frames_of(tmp_path / "market", MarketName.SPOT, "btcusdt@depth@100ms"):
        book.apply(diff)  # asserts that U follows the last u
    assert book.applied > 140
    trades = read_trades(tmp_path / "market")
    for market in (b"spot", b"usdm"):
        own = trades[trades["market"] == market]
        assert (np.diff(own["id"]) == 1).all()
        pause = np.flatnonzero(np.diff(own["ts_event_ms"]) > MINUTE_MS)
        assert len(pause) == 1  # nothing was traded while the venue was down
        step = own["price_e8"][pause[0] + 1] / own["price_e8"][pause[0]] - 1
        assert abs(step) < 0.002
    tickers = [t["u"] for t in frames_of(tmp_path / "market", MarketName.SPOT, "btcusdt@bookTicker")]
    assert all(a < b for a, b in pairwise(tickers))


def test_stopped_market_has_the_same_book_when_it_is_started_again(start):
    run = start()
    run.advance(5.05)
    run.stop()
    assert start(now_ms=run.now_ms).depth(MarketName.USDM, "BTCUSDT") == run.depth(MarketName.USDM, "BTCUSDT")


def test_torn_last_entries_are_cut_off_at_the_next_start(start, tmp_path):
    run = start()
    run.advance(2)
    run.kill()
    path = trade_path(tmp_path / "market", "spot", "BTCUSDT")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: TRADE.itemsize // 2])
    log = next((tmp_path / "market" / "frames" / "spot").glob("*.log"))
    lines = log.read_bytes()
    log.write_bytes(lines + b'1700000000000000000 {"stream":"btcusdt@tra')
    start(now_ms=run.now_ms).advance(2)
    assert path.read_bytes().startswith(whole)
    trades = read_trades(tmp_path / "market")
    assert (np.diff(trades[trades["market"] == b"spot"]["id"]) == 1).all()
    assert all(frame.data for frame in read_frames(tmp_path / "market", MarketName.SPOT))


def test_another_seed_is_refused_where_a_market_already_runs(start, tmp_path):
    start(seed=7).stop()
    with pytest.raises(EmulatorError, match=r"seed = 8: .* started with 7"):
        Emulator(EmulatorConfig(tmp_path / "market", seed=8, symbols=("BTCUSDT",)))


def test_oldest_frames_are_deleted_beyond_the_limit_and_trades_are_kept(start, tmp_path):
    run = start(segment_bytes=50_000, record_limit_bytes=200_000, checkpoint_s=0.5)
    run.advance(10)
    assert sum(path.stat().st_size for path in (tmp_path / "market" / "frames" / "spot").glob("*.log")) < 350_000
    trades = read_trades(tmp_path / "market")
    first = run.market.listings[MarketName.SPOT]["BTCUSDT"].klines.current
    assert first is not None
    assert trades[trades["market"] == b"spot"]["id"][0] == first.first_id


def test_history_is_whole_minutes_that_end_where_live_begins(start):
    run = start(now_ms=START + 12_345)
    bars = run.market.listings[MarketName.SPOT]["BTCUSDT"].klines.minutes()
    assert len(bars) >= 26 * 60
    assert (np.diff(bars["open_ms"]) == MINUTE_MS).all()
    assert bars["open_ms"][-1] == START - MINUTE_MS
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert (bars["taker_volume"] <= bars["volume"]).all()
    bid, _, ask, _ = run.market.listings[MarketName.SPOT]["BTCUSDT"].book.top()
    assert abs(bars["close"][-1] - (bid + ask) / 2) < 1e-4 * ask


def test_history_has_calm_and_wild_hours(start):
    run = start(history_days=10)
    bars = run.market.listings[MarketName.SPOT]["BTCUSDT"].klines.minutes()
    ranges = np.log(bars["high"] / bars["low"]).reshape(-1, 60).mean(axis=1)
    assert np.quantile(ranges, 0.9) > 1.5 * np.quantile(ranges, 0.1)


def test_history_depends_on_the_seed_alone(start, tmp_path):
    def closes(name, seed):
        run = start(folder=tmp_path / name, seed=seed)
        return run.market.listings[MarketName.SPOT]["BTCUSDT"].klines.minutes()["close"]

    assert (closes("a", 1) == closes("b", 1)).all()
    assert (closes("a2", 2) != closes("b2", 1)).any()


@pytest.mark.parametrize("restarted", [False, True])
def test_klines_are_the_bars_of_the_trades(start, restarted, tmp_path):
    run = start(rate=300.0)
    run.advance(150)
    if restarted:
        run.stop()
        run = start(now_ms=run.now_ms + 5 * MINUTE_MS, rate=300.0)
        run.advance(80)
    bars = run.market.listings[MarketName.SPOT]["BTCUSDT"].klines.minutes()
    trades = read_trades(tmp_path / "market")
    trades = trades[trades["market"] == b"spot"]
    seen = 0
    for bar in bars[bars["open_ms"] >= START]:
        own = trades[trades["ts_event_ms"] // MINUTE_MS * MINUTE_MS == bar["open_ms"]]
        assert bar["trades"] == len(own)
        if len(own) == 0:
            assert bar["open"] == bar["close"] == bar["high"] == bar["low"]
            continue
        seen += 1
        bought = own[~own["buyer_maker"]]
        quote = sum(int(t["price_e8"]) * int(t["qty_e8"]) // 10**8 for t in own)
        assert (bar["open"], bar["close"]) == (own["price_e8"][0], own["price_e8"][-1])
        assert (bar["high"], bar["low"]) == (own["price_e8"].max(), own["price_e8"].min())
        assert (bar["volume"], bar["taker_volume"]) == (own["qty_e8"].sum(), bought["qty_e8"].sum())
        assert bar["quote"] == quote
        assert (bar["first_id"], bar["last_id"]) == (own["id"][0], own["id"][-1])
    assert seen == (5 if restarted else 3)


def test_longer_intervals_are_made_of_minutes(start):
    run = start(history_days=2)
    klines = run.market.listings[MarketName.SPOT]["BTCUSDT"].klines
    minutes, hours = klines.minutes(), klines.select("1h", None, None, 1_000)
    assert hours.dtype == KLINE
    hour = hours[20]
    own = minutes[minutes["open_ms"] // 3_600_000 * 3_600_000 == hour["open_ms"]]
    assert len(own) == 60
    assert (hour["open"], hour["close"]) == (own["open"][0], own["close"][-1])
    assert (hour["high"], hour["low"], hour["volume"]) == (own["high"].max(), own["low"].min(), own["volume"].sum())


def test_pressure_of_buyers_raises_the_price(start, tmp_path):
    """Features must have something to find: signed volume over a minute goes with the move of that minute."""
    run = start(rate=200.0)
    run.advance(1_800, slice_ms=100)
    trades = read_trades(tmp_path / "market")
    trades = trades[trades["market"] == b"spot"]
    minute = trades["ts_event_ms"] // MINUTE_MS
    signed, moves = [], []
    for value in np.unique(minute):
        own = trades[minute == value]
        signed.append(np.where(own["buyer_maker"], -1.0, 1.0).mean())
        moves.append(np.log(own["price_e8"][-1] / own["price_e8"][0]))
    assert np.corrcoef(signed, moves)[0, 1] > 0.3
