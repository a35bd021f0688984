"""A made connection of two symbols with everything that goes wrong on real ones, as journal lines."""

from __future__ import annotations

from random import Random

import numpy as np

from tests.unit.payloads import START, answer, depth, kline, past_trades, quote, snapshot, trade
from trifecta.market.events import Frames
from trifecta.market.instruments import Instrument

NS = 1_000_000_000
INSTRUMENTS = {name: Instrument("binance", name, 2, 5) for name in ("BTCUSDT", "ETHUSDT")}


class _Symbol:
    def __init__(self, name: str) -> None:
        self.name = name
        self.trade_id = self.update_id = 1000
        self.skipped: list[int] = []

    def rename(self, payload: bytes) -> bytes:
        return payload.replace(b"BTCUSDT", self.name.encode()).replace(b"btcusdt", self.name.lower().encode())


def stream(seed: int, length: int) -> Frames:
    """Frames with gaps, late and repeated trades, refetched ones, broken books, silences, bad and future frames."""
    random = Random(seed)  # noqa: S311
    symbols = [_Symbol(name) for name in INSTRUMENTS]
    now = float(START)
    stamps, payloads = [], []
    for _ in range(length):
        now += random.choice((0.001, 0.05, 0.3, 0.7)) if random.random() > 0.01 else random.choice((5.0, 70.0))
        symbol = random.choice(symbols)
        stamps.append(round((now - 1.26) * NS))
        payloads.append(symbol.rename(_frame(random, symbol, round(now, 3))))
    return Frames(0, np.array(stamps, np.int64), payloads)


def _frame(random: Random, symbol: _Symbol, now: float) -> bytes:
    draw = random.random()
    if draw < 0.6:
        return _trade(random, symbol, now)
    if draw < 0.85:
        return _book(random, symbol, now)
    opened = int(now // 60) * 60 - 60
    if draw < 0.88:
        return kline(opened, v=str(random.randrange(2, 9)))
    if draw < 0.91:
        row = [
            opened * 1000,
            "61837.63",
            "61840",
            "61830",
            "61838",
            "9",
            opened * 1000 + 59_999,
            "1",
            12,
            "1.5",
            "1",
            "0",
        ]
        return answer("klines", [row, row])
    if draw < 0.96 and symbol.skipped:
        first, last = min(symbol.skipped), max(symbol.skipped)
        held = [number for number in range(first, last + 1) if random.random() < 0.9]
        symbol.skipped.clear()
        return past_trades(first, last, [(number, now) for number in held])
    bad = (b"not json", trade(1, price="NaN"), trade(1, qty="-1"), trade(1, at=now + 3600), quote(1, bid="70000"))
    return random.choice((*bad, answer("time", {"serverTime": round(now * 1000)}, sent=round((now - 1.3) * NS))))


def _trade(random: Random, symbol: _Symbol, now: float) -> bytes:
    draw = random.random()
    number = symbol.trade_id
    if draw < 0.03 and symbol.skipped:
        number = symbol.skipped.pop(random.randrange(len(symbol.skipped)))
    elif draw < 0.06:
        number = max(1000, number - random.randrange(1, 5))
    else:
        if draw < 0.09:
            skipped = random.randrange(1, 4)
            symbol.skipped += range(number, number + skipped)
            number += skipped
        symbol.trade_id = number + 1
    lot = random.choice((1, 1, 2, 50)) * random.randrange(1, 1000)
    price = f"{(6183763 + random.randrange(-200, 200)) / 100:.2f}"
    late = now - random.choice((0, 0, 0, 0.5, 3))
    return trade(number, at=late, price=price, qty=f"{lot / 100_000:.5f}", maker=random.random() < 0.5)


def _book(random: Random, symbol: _Symbol, now: float) -> bytes:
    draw = random.random()
    first = symbol.update_id + 1 + (random.random() < 0.03)
    bids = [(f"{61837.63 - random.randrange(30) / 100:.2f}", str(random.randrange(1, 5)))]
    asks = [(f"{61837.64 + random.randrange(30) / 100:.2f}", str(random.randrange(0, 5)))]
    if draw < 0.25:
        return snapshot(
            symbol.update_id - random.choice((0, 0, 1, 30)),
            asks=[(f"{61837.64 + n / 100:.2f}", "1") for n in range(40)],
        )
    if draw < 0.6:
        return quote(symbol.update_id - random.choice((0, 0, 0, 1)))
    symbol.update_id = first + random.randrange(3)
    return depth(first, symbol.update_id, bids, asks, at=now)
