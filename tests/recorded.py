"""Where the recorded market data is. It is read in place and never becomes part of this repository."""

from __future__ import annotations

import gzip
import os
from functools import cache
from pathlib import Path

import msgspec
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


@cache
def lines(venue: str) -> list[tuple[int, bytes]]:
    """(ts_recv ns, payload) of a venue's sample frames; a snapshot keeps its best `SNAPSHOT_LEVELS` levels a side."""
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
