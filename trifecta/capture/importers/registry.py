"""Every format that can be imported. A new one is one file and one line here."""

from __future__ import annotations

from pathlib import Path

from trifecta.capture.importers import binance_public, binance_stream, freqtrade, minute_bars
from trifecta.capture.importers.files import Head, read_head
from trifecta.capture.importers.formats import Format
from trifecta.errors import DataError

FORMATS: tuple[Format, ...] = (
    freqtrade.FREQTRADE_TRADES,
    binance_stream.STREAM_TRADES,
    binance_stream.STREAM_DEPTH,
    binance_public.SPOT_TRADES,
    binance_public.FUTURES_TRADES,
    binance_public.SPOT_AGGREGATES,
    binance_public.FUTURES_AGGREGATES,
    binance_public.BOOK_TICKER,
    binance_public.KLINES,
    minute_bars.MINUTE_BARS,
)


def detect(path: Path) -> str:
    """The name of the format that a file's content is in, whatever the file is called.

    Raises:
        DataError: it is in none, or cannot be read.
    """
    return recognise(path, read_head(path)).name


def recognise(path: Path, head: Head) -> Format:
    """The format that a file's first lines are in.

    Raises:
        DataError: none.
    """
    for found in FORMATS:
        if head.lines and found.claims(head):
            return found
    supported = "\n".join(f"  {known.name}: {known.doc}" for known in FORMATS)
    start = head.lines[0][:120] if head.lines else b""
    raise DataError(f"{path} begins with {start!r}, which is none of the formats that can be imported:\n{supported}")
