"""Compiles what runs compiled, once per machine: a few frames through the real path into a lake that is thrown away."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from trifecta.capture.replay import ReplaySummary, replay
from trifecta.clock import NS_PER_S, Clock
from warehouse import Lake

SECONDS = 3
SYMBOL = "BTCUSDT"


def compile_all(clock: Clock) -> ReplaySummary:
    """What the frames became. Numba keeps the compiled code on disk, beside the source."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "frames.log"
        recording.write_text(lines())
        return replay([recording], lake=Lake(f"{folder}/lake"), clock=clock, source="sim_binance")


def lines() -> str:
    """A recording of `SECONDS` seconds at Binance spot."""
    return "".join(_line(second, kind) for second in range(SECONDS) for kind in range(4))


def _line(second: int, kind: int) -> str:
    ts_recv = (1_700_000_000 + second) * NS_PER_S + kind
    return f"{ts_recv} {json.dumps(_frame(second, kind), separators=(',', ':'))}\n"


def _frame(second: int, kind: int) -> dict[str, object]:
    """A depth snapshot first, then each second a trade, a quote and a change of the book; Binance's own forms."""
    now_ms, symbol, stream = (1_700_000_000 + second) * 1_000, {"s": SYMBOL}, SYMBOL.lower()
    bids, asks = [["100.00", "1.0"]], [["100.01", "1.0"]]
    if kind == 0:
        snapshot = {"lastUpdateId": 10 * second + 1, "bids": bids, "asks": asks}
        return {"rest": "depth", "symbol": SYMBOL, "data": snapshot}
    if kind == 1:
        update: dict[str, object] = {"e": "depthUpdate", "E": now_ms, "U": 10 * second + 2, "u": 10 * second + 11}
        return {"stream": f"{stream}@depth@100ms", "data": update | symbol | {"b": bids, "a": asks}}
    if kind == 2:
        quote = {"u": 10 * second + 11, "b": "100.00", "B": "1.0", "a": "100.01", "A": "1.0"}
        return {"stream": f"{stream}@bookTicker", "data": quote | symbol}
    trade: dict[str, object] = {
        "e": "trade",
        "E": now_ms,
        "t": second,
        "p": "100.00",
        "q": "0.5",
        "T": now_ms,
        "m": True,
    }
    return {"stream": f"{stream}@trade", "data": trade | symbol | {"M": True}}
