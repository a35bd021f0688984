"""Binance aggTrades as ccxt hands them out and freqtrade keeps them: one JSON array of trades.

    [{"info":{"a":13519807,"p":"0.00141342","q":"23.00000000","f":15373518,"l":15373518,"T":1570752011620,"m":true,"M":true},
      "timestamp":1570752011620,"symbol":"XRP/ETH","id":"13519807","side":"sell","price":0.00141342,"amount":23.0,...},...]

The venue's own record in `info` is what counts: its prices are exact, and `f` and `l` are the trades it sums up.
"""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec
import numpy as np

from trifecta.capture.importers.blocks import Block
from trifecta.capture.importers.files import Head
from trifecta.capture.importers.formats import TRADES, Format
from trifecta.capture.importers.rows import Columns, Fault, Kind, Rows, read_csv
from trifecta.market.quarantine import Reason

_RECORD = re.compile(rb'\{\s*"info"\s*:')
_COLUMNS: Columns = {
    "symbol": Kind.TEXT,
    "first_id": Kind.ID,
    "last_id": Kind.ID,
    "time": Kind.TIME,
    "maker": Kind.FLAG,
    "price": Kind.NUMBER,
    "qty": Kind.NUMBER,
}


class _Info(msgspec.Struct):
    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741  the venue's own name
    T: int
    m: bool


class _Trade(msgspec.Struct):
    info: _Info
    symbol: str


_decode = msgspec.json.Decoder(_Trade).decode


def split_records(text: bytes, ends: bool) -> tuple[bytes, bytes]:
    """Trades, one a line. Each begins with `{"info":`, so a damaged one spoils no other."""
    starts = [match.start() for match in _RECORD.finditer(text)]
    if not starts:
        return b"", text
    end = len(text) if ends else starts[-1]
    bounds = [*starts, end] if ends else starts
    records = [text[start:stop] for start, stop in pairwise(bounds)]
    return b"".join([_one_line(record) + b"\n" for record in records]), text[end:]


def read(block: Block) -> Rows:
    """The trades of a block."""
    faults: list[Fault] = []
    numbers: list[int] = []
    lines: list[bytes] = []
    for row, line in enumerate(block.text.removesuffix(b"\n").split(b"\n"), block.first_row):
        try:
            trade = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            detail = f"row {row}: {error}, expected a Binance aggTrade in info"
            faults.append(Fault(row, Reason.MALFORMED, detail, line.decode(errors="replace")))
            continue
        info = trade.info
        fields = (_symbol(trade.symbol), info.f, info.l, info.T, int(info.m), info.p, info.q)
        numbers.append(row)
        lines.append(",".join(map(str, fields)).replace("\n", " ").encode())
    text = b"".join([line + b"\n" for line in lines])
    found = read_csv(Block(0, text, len(lines), 0, 0), _COLUMNS)
    own = np.array(numbers, np.int64)
    return Rows(found.table, own[found.numbers], faults + [_numbered(fault, numbers) for fault in found.faults])


def symbol(head: Head) -> str | None:
    """The venue's name of the first trade's symbol: XRP/ETH is XRPETH."""
    found = re.search(rb'"symbol"\s*:\s*"([^"]+)"', head.text)
    return _symbol(found[1].decode(errors="replace")) if found else None


def _claims(head: Head) -> bool:
    found = _RECORD.search(head.text)
    start = head.text.lstrip()[:1] == b"["
    return start and found is not None and re.search(rb'"f"\s*:\s*\d+\s*,\s*"l"\s*:', head.text) is not None


def _symbol(text: str) -> str:
    return text.partition(":")[0].replace("/", "")


def _one_line(record: bytes) -> bytes:
    return record.replace(b"\n", b" ").replace(b"\r", b" ").rstrip(b", ]\t")


def _numbered(fault: Fault, numbers: list[int]) -> Fault:
    row = numbers[fault.row]
    return fault._replace(row=row, detail=fault.detail.replace(f"row {fault.row}:", f"row {row}:", 1))


FREQTRADE_TRADES = Format(
    name="freqtrade_trades",
    doc="JSON array of Binance aggTrades as ccxt and freqtrade keep them (.json, .json.gz)",
    venue="binance",
    stream=TRADES,
    claims=_claims,
    symbol=symbol,
    read=read,
    header=lambda head: False,
    split=split_records,
)
