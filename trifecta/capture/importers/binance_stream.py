"""Binance's socket events saved as CSV with a receive time: trades, and depth changes with one row a level.

TimestampOfReceive,Stream,EventType,EventTime,TransactionTime,Symbol,TradeId,Price,Quantity,IsBuyerMarketMaker,MUnknownParameter
1741046401272286,trxusdt@trade,trade,1741046401271969,1741046401271497,TRXUSDT,348656870,0.2312,2619.4,1,True

TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity
1741046400062959,trxusdt@depth@100ms,depthUpdate,1741046400062507,TRXUSDT,5434434562,5434434566,0,0.2311,804627.7
"""

from __future__ import annotations

from trifecta.capture.importers.formats import DEPTH, TRADES, column_symbol, csv_format
from trifecta.capture.importers.rows import Columns, Kind

_TRADE: Columns = {
    "receive_time": Kind.TIME,
    "stream": Kind.UNUSED,
    "type": Kind.TEXT,
    "event_time": Kind.TIME,
    "time": Kind.TIME,
    "symbol": Kind.TEXT,
    "id": Kind.ID,
    "price": Kind.NUMBER,
    "qty": Kind.NUMBER,
    "maker": Kind.FLAG,
    "ignored": Kind.UNUSED,
}
_DEPTH: Columns = {
    "receive_time": Kind.TIME,
    "stream": Kind.TEXT,
    "type": Kind.TEXT,
    "event_time": Kind.TIME,
    "symbol": Kind.TEXT,
    "first_id": Kind.ID,
    "last_id": Kind.ID,
    "is_ask": Kind.FLAG,
    "price": Kind.NUMBER,
    "qty": Kind.NUMBER,
}

STREAM_TRADES = csv_format(
    "binance_stream_trades",
    "CSV of Binance trade events with receive times",
    "binance",
    TRADES,
    _TRADE,
    column_symbol(_TRADE),
    contains=b",trade,",
)
STREAM_DEPTH = csv_format(
    "binance_stream_depth",
    "CSV of Binance depthUpdate events with receive times, one row a level",
    "binance",
    DEPTH,
    _DEPTH,
    column_symbol(_DEPTH),
    contains=b",depthUpdate,",
)
