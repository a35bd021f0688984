"""Recorded market data: the spot BTCUSDT pair of files, 99,574 frames of trades, quotes and book changes."""

from __future__ import annotations

import os
from pathlib import Path

from trifecta.capture import journal
from trifecta.market.events import Frames
from trifecta.market.instruments import Instrument
from trifecta.venues.binance import SPOT

SYMBOL = "BTCUSDT"


def spot_files() -> list[Path]:
    """The two files, oldest first.

    Raises:
        SystemExit: they are not there.
    """
    named = os.environ.get("TRIFECTA_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    files = [folder / "binance_raw_hftbacktest" / "spot" / f"btcusdt_{day}.gz" for day in ("20240808", "20240809")]
    if not all(path.is_file() for path in files):
        raise SystemExit(f"no recorded data at {folder}: set TRIFECTA_TEST_DATA to the folder that holds SOURCES.md")
    return files


def spot_frames() -> tuple[list[Frames], dict[str, Instrument]]:
    """Batches as replay reads them, and the instrument."""
    batches: list[Frames] = []
    for path in spot_files():
        first = batches[-1].first_position + len(batches[-1].payloads) if batches else 0
        batches += journal.read_file(path, first)
    return batches, SPOT.instruments(SPOT.name, batches[0].payloads)
