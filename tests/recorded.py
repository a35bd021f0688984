"""Where the recorded market data is. It is read in place and never becomes part of this repository."""

from __future__ import annotations

import ast
import gzip
import os
import re
from functools import cache
from operator import itemgetter
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

# Of each venue a recording and the lines of it that serve as samples: depth, quotes, trades, a snapshot, more depth.
SAMPLES = {
    "binance": ("spot/btcusdt_20240808.gz", (1, 2, 3, 4, 7, 232, 485)),
    "binance_usdm": ("usdm/btcusdt_20240808.gz", (1, 2, 3, 47, 54, 8685, 8738)),
    "binance_coinm": ("cm/btcusd_perp_20240808.gz", (2, 3, 4, 8, 20, 36, 636)),
}
SNAPSHOT_LEVELS = 3


def folder() -> Path:
    """The folder of recorded market data; without it a test is skipped, and fails in CI."""
    named = os.environ.get("TRIFECTA_TEST_DATA")
    found = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (found / "SOURCES.md").is_file():
        reason = f"no recorded data at {found}: set TRIFECTA_TEST_DATA to the folder that holds SOURCES.md"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason, allow_module_level=True)
    return found


# Of each venue the raw captures of its streams: lines `<recv s>: <payload>` among those of what was sent.
CAPTURES = {
    "kraken": ("KRAKEN.ws.48.0", "KRAKEN.ws.49.0", "KRAKEN.ws.50.0"),
    "coinbase": ("COINBASE.ws.28.0",),
    "okx": ("OKX.ws.1.0",),
    "bitfinex": ("BITFINEX.ws.11.0",),
    "bitstamp": ("BITSTAMP.ws.1.0",),
    "bybit": ("BYBIT.ws.25.0", "BYBIT.ws.26.0"),
    "huobi": ("HUOBI.ws.44.0",),
    "upbit": ("UPBIT.ws.62.0",),
}
_RECEIVED = re.compile(rb"(\d+)\.?(\d*): (.*)")


@cache
def captured(venue: str) -> list[tuple[int, bytes]]:
    """(ts_recv ns, payload) of what a venue's capture received, in the order it came."""
    found = []
    for name in CAPTURES[venue]:
        packed = (folder() / "ws_captures_cryptofeed" / f"{name}.zst").read_bytes()
        text = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read()
        for line in text.splitlines():
            if (match := _RECEIVED.fullmatch(line)) is not None:
                found.append((int(match[1]) * 10**9 + int(match[2].ljust(9, b"0")[:9]), _unpacked(match[3])))
    return sorted(found, key=itemgetter(0))


def _unpacked(payload: bytes) -> bytes:
    """A binary frame was captured as a Python literal, and some venues compress theirs."""
    if not payload.startswith((b"b'", b'b"')):
        return payload
    frame: bytes = ast.literal_eval(payload.decode())
    return gzip.decompress(frame) if frame.startswith(b"\x1f\x8b") else frame


@cache
def lines(venue: str) -> list[tuple[int, bytes]]:
    """(ts_recv ns, payload) of a venue's sample frames; a snapshot keeps its best `SNAPSHOT_LEVELS` levels a side."""
    if venue in CAPTURES:
        return captured(venue)
    file, rows = SAMPLES[venue]
    text = gzip.decompress((folder() / "binance_raw_hftbacktest" / file).read_bytes()).splitlines()
    return [(int(text[row][:19]), _short(text[row][20:])) for row in rows]


def _short(payload: bytes) -> bytes:
    if not payload.startswith(b'{"lastUpdateId"'):
        return payload
    body = msgspec.json.decode(payload)
    for side in ("bids", "asks"):
        body[side] = body[side][:SNAPSHOT_LEVELS]
    return msgspec.json.encode(body)
