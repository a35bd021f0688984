"""The ten features against the same formulas in plain Python, and what must hold of them however trades arrive."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from tests.unit.payloads import START
from trifecta.features import history
from trifecta.features.orderflow import FLOW, OrderFlowWindow
from trifecta.market.events import FEATURES, LEVELS, TOP, TRADE, Seconds
from trifecta.market.instruments import Instrument

NS = 1_000_000_000
INSTRUMENT = Instrument("binance", "BTCUSDT", 2, 5)
TICK, LOT = 100.0, 100_000.0
PLAIN = ("high", "low", "last_price", "bid", "ask")


class Made:
    """Trades and closes of some minutes, with late trades, empty stretches and holes."""

    def __init__(self, seed: int, length: int = 400, rate: float = 3.0, *, holes: bool = True) -> None:
        random = Random(seed)  # noqa: S311
        trades, closes, tops = [], [], []
        position, trade_id, end = 0, 1, START + 1
        self.first_end = end * NS
        for _ in range(length):
            for _ in range(random.choice((0, round(random.expovariate(1 / rate))))):
                age = random.random() if random.random() < 0.9 else random.uniform(0, 90)
                qty = max(1, round(random.lognormvariate(5, 2)))
                price = 6_183_763 + random.randrange(-500, 500)
                ts = round((end - age) * NS)
                count = random.choice((1, 1, 1, 4))
                trades.append((position, ts + 1, ts, trade_id, count, price, qty, random.choice((-1, 1))))
                trade_id += count
                position += 1
            closes.append((position, end * NS))
            tops.append(_top(random, position))
            end += random.choice((1, 2, 70, 130)) if holes and random.random() < 0.03 else 1
            position += 1
        self.trades = np.array(trades, TRADE)
        # The order of arrival: what history has of it.
        self.trades["ts_recv"] = self.trades["position"] * 1000 + START * NS
        self.positions, self.ends = (np.array(column, np.int64) for column in zip(*closes, strict=True))
        self.received = self.positions * 1000 + START * NS
        self.tops = np.array(tops, TOP)
        self.tops["ts_event"], self.tops["ts_recv"] = self.ends, self.received

    def flow(self, cuts: list[int] | None = None) -> np.ndarray:
        """FLOW rows from batches that end at these closes, cut within the second before each."""
        window = OrderFlowWindow(INSTRUMENT, self.first_end)
        rows, done, traded = [], 0, 0
        for cut in [*(cuts or []), len(self.ends)]:
            upto = len(self.trades)
            if cut < len(self.ends):
                behind, ahead = np.searchsorted(self.trades["position"], self.positions[cut - 1 : cut + 1]).tolist()
                upto = min(behind + 1, ahead)  # a trade of the second that is open belongs to the batch too
            open_end = int(self.ends[cut]) if cut < len(self.ends) else int(self.ends[-1]) + NS
            span = slice(done, cut)
            seconds = Seconds(self.positions[span], self.ends[span], self.received[span], open_end)
            flags = np.ones(cut - done, np.bool_)
            rows.append(window.advance(self.trades[traded:upto], seconds, self.tops[span], flags))
            done, traded = cut, upto
        return np.concatenate(rows)


def _top(random: Random, position: int) -> tuple[object, ...]:
    sides = []
    used = random.choice((1, 5, LEVELS))
    for sign in (-1, 1):
        prices = [6_183_763 + sign * (level + 1) for level in range(used)] + [0] * (LEVELS - used)
        sizes = [random.randrange(1, 10**6) for _ in range(used)] + [0] * (LEVELS - used)
        sides += [prices, sizes]
    if random.random() < 0.1:
        return (position, 1, 0, *([[0] * LEVELS] * 4), 0, 0)
    return (position, 1, 1, *sides, 0, 0)


def reference(made: Made, close: int) -> dict[str, float]:
    """One row by the formulas of the documentation, from all trades, with floats and Python's own functions."""
    nan = math.nan
    end = int(made.ends[close])
    window, own, last = [], [], nan
    for trade in made.trades:
        at = int(np.searchsorted(made.positions, trade["position"], "right"))  # the close behind it
        if at > close:
            break
        opened = int(made.ends[at])
        last = trade["price"] / TICK
        if at == close:
            own.append(last)
        if end - opened < 60 * NS:
            age = (end - opened) / NS + min(max((opened - int(trade["ts_event"])) / NS, 0.0), 1.0)
            window.append((age, trade["qty"] / LOT, last, int(trade["side"]), int(trade["count"])))
    bought = [qty for _, qty, _, side, _ in window if side > 0]
    sold = [qty for _, qty, _, side, _ in window if side < 0]
    volume = sum(bought) + sum(sold)
    count = sum(row[4] for row in window)
    buys = sum(row[4] for row in window if row[3] > 0)
    weights = [math.exp(-age / 30) * qty**1.1 for age, qty, *_ in window]
    book = _book(made.tops[close])
    told = {
        "buy_volume": sum(bought),
        "sell_volume": sum(sold),
        "trade_intensity": count / 60,
        "high": max(own, default=nan),
        "low": min(own, default=nan),
        "last_price": last,
        **book,
    }
    if not window:
        return told | dict.fromkeys(set(FEATURES) - set(told), nan)
    signed = sum(weight * row[3] for weight, row in zip(weights, window, strict=True)) / sum(weights)
    imbalance = 0.7 * signed + 0.3 * book["order_book_imbalance"]
    return told | {
        "volume_imbalance": nan if math.isnan(imbalance) else min(max(imbalance, -1.0), 1.0),
        "large_trades_ratio": sum(row[1] > 3 * volume / len(window) for row in window) / len(window),
        "aggressive_buy_ratio": buys / count,
        "aggressive_sell_ratio": (count - buys) / count,
        "volume_weighted_price": sum(row[1] * row[2] for row in window) / volume,
    }


def _book(top: np.void) -> dict[str, float]:
    if not top["valid"]:
        return dict.fromkeys(("bid", "ask", "bid_ask_spread", "order_book_imbalance"), math.nan)
    bid, ask = top["bid_price"][0] / TICK, top["ask_price"][0] / TICK
    bids, asks = int(top["bid_qty"].sum()), int(top["ask_qty"].sum())
    return {
        "bid": bid,
        "ask": ask,
        "bid_ask_spread": (ask - bid) / bid,
        "order_book_imbalance": (bids - asks) / (bids + asks),
    }


@pytest.mark.parametrize(("seed", "rate"), [(1, 3.0), (2, 0.2), (3, 30.0)])
def test_every_feature_is_its_formula(seed: int, rate: float) -> None:
    made = Made(seed, 200 if rate < 10 else 70, rate)
    rows = made.flow()
    assert rows["ts_event"].tolist() == made.ends.tolist()
    for close, row in enumerate(rows):
        expected = reference(made, close)
        for name in (*FEATURES, *PLAIN):
            assert row[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-12, nan_ok=True), (close, name)
        assert row["ready"] == (row["trades"] >= 10)
        assert row["book_valid"] == bool(made.tops["valid"][close])


@pytest.mark.parametrize("seed", range(5))
def test_any_batching_gives_the_same_bits(seed: int) -> None:
    made = Made(seed, 300)
    random = Random(seed)  # noqa: S311
    expected = made.flow().tobytes()
    assert made.flow(sorted(random.sample(range(1, 300), 20))).tobytes() == expected
    assert made.flow(list(range(1, 300))).tobytes() == expected


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_after_a_close_changes_nothing_before_it(seed: int) -> None:
    made = Made(seed, 200)
    expected = made.flow()[:120].tobytes()
    later = made.trades["position"] >= made.positions[119]
    for column, value in (("price", 1), ("qty", 10**9), ("side", 1), ("ts_event", START * NS)):
        made.trades[column][later] = value
    made.tops["valid"][120:] = 0
    assert made.flow()[:120].tobytes() == expected
    made.trades = made.trades[~later]
    assert made.flow()[:120].tobytes() == expected


@pytest.mark.parametrize("seed", range(3))
def test_history_is_live_to_the_last_bit(seed: int) -> None:
    made = Made(seed, 300)
    live, again = made.flow(), history.flow(INSTRUMENT, made.trades, made.tops)
    for name in FLOW.names or ():
        if name != "position":
            assert again[name].tobytes() == live[name].tobytes(), name


def test_history_leaves_out_what_was_fetched_again_as_live_did() -> None:
    made = Made(7, 200, holes=False)
    expected = made.flow()
    # Ids 100 apart, so that a refetched trade fits between; it came long after its neighbours.
    made.trades["count"] = 1
    expected = made.flow()
    refetched = made.trades[50:52].copy()
    at = int(made.positions[150])
    refetched["position"], refetched["ts_recv"] = at, int(made.received[150]) + 1
    where = int(np.searchsorted(made.trades["position"], at))
    made.trades = np.concatenate([made.trades[:where], refetched, made.trades[where:]])
    assert made.flow().tobytes() == expected.tobytes()
    again = history.flow(INSTRUMENT, made.trades, made.tops)
    for name in FEATURES:
        assert again[name].tobytes() == expected[name].tobytes(), name


def test_features_are_nan_where_there_is_nothing_to_tell() -> None:
    window = OrderFlowWindow(INSTRUMENT, (START + 1) * NS)
    closes = np.array([0, 1]), np.array([START + 1, START + 2]) * NS, np.array([0, 1])
    rows = window.advance(
        np.empty(0, TRADE), Seconds(*closes, (START + 3) * NS), np.zeros(2, TOP), np.ones(2, np.bool_)
    )
    for name in set(FEATURES) - {"buy_volume", "sell_volume", "trade_intensity"}:
        assert np.isnan(rows[name]).all(), name
    assert rows[["buy_volume", "sell_volume", "trade_intensity"]].tolist() == [(0.0, 0.0, 0.0)] * 2
    assert not rows["ready"].any()


@pytest.mark.parametrize(("trades", "ready"), [(9, False), (10, True)])
def test_ten_trades_make_a_window_ready(trades: int, *, ready: bool) -> None:
    events = np.zeros(trades, TRADE)
    events["trade_id"], events["count"], events["price"], events["qty"], events["side"] = range(trades), 1, 1, 1, 1
    events["ts_event"] = START * NS
    window = OrderFlowWindow(INSTRUMENT, (START + 1) * NS)
    seconds = Seconds(np.array([1]), np.array([START + 1]) * NS, np.array([0]), (START + 2) * NS)
    rows = window.advance(events, seconds, np.zeros(1, TOP), np.ones(1, np.bool_))
    assert rows["ready"].tolist() == [ready]


def test_ratios_and_imbalances_stay_in_their_ranges() -> None:
    rows = np.concatenate([Made(seed, 300).flow() for seed in range(10, 13)])
    for name in ("large_trades_ratio", "aggressive_buy_ratio", "aggressive_sell_ratio"):
        values = rows[name][~np.isnan(rows[name])]
        assert ((values >= 0) & (values <= 1)).all()
    for name in ("volume_imbalance", "order_book_imbalance"):
        values = rows[name][~np.isnan(rows[name])]
        assert (np.abs(values) <= 1).all()
    known = ~np.isnan(rows["aggressive_buy_ratio"])
    assert (rows["aggressive_buy_ratio"] + rows["aggressive_sell_ratio"])[known] == pytest.approx(1.0)
