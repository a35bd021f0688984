"""Every table of the lake in one place: columns, units, partitions, encodings.

Prices and sizes are integers of 10^-price_scale and 10^-qty_scale, event times of trades and quotes integers of
10^-time_scale seconds in the venue's own resolution: that is exact, and costs a third of doubles on disk. The views
in `views/` turn them back. Other times are nanoseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import ColumnProperties, WriterProperties

COMPRESSION_LEVEL = 1


def _column(name: str, kind: pa.DataType, doc: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"doc": doc})


I64, I32, I8, F64, TEXT, BOOL = pa.int64(), pa.int32(), pa.int8(), pa.float64(), pa.string(), pa.bool_()

_PARTITION = (
    _column("venue", TEXT, "where it was traded; sim_ marks data that the emulator produced"),
    _column("symbol", TEXT, "the venue's own name of the instrument"),
    _column("date", pa.date32(), "UTC day of ts_recv, or of the event time where it was imported"),
)
_TS_RECV = _column("ts_recv", I64, "when we received it, ns")
_SCALES = (
    _column("price_scale", I8, "prices are integers of 10^-price_scale"),
    _column("qty_scale", I8, "sizes are integers of 10^-qty_scale"),
)
_CLOSED = (
    _column("ts_event", I64, "exclusive end of the second, ns"),
    _column("ts_recv", I64, "receive time of the frame that closed the second, ns"),
)


@dataclass(frozen=True)
class Table:
    """One Delta table."""

    name: str
    doc: str
    columns: tuple[pa.Field, ...]
    delta: tuple[str, ...] = ()
    """Columns packed as differences of neighbours; the others keep the dictionary encoding."""
    partition_by: tuple[str, ...] = field(default=("venue", "symbol", "date"))

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(self.columns)

    @property
    def file_schema(self) -> pa.Schema:
        """What stands in the files: a partition's columns stand in their path."""
        return pa.schema([column for column in self.columns if column.name not in self.partition_by])

    @property
    def ranged(self) -> tuple[str, ...]:
        """Columns whose range is kept with each file, so that readers can leave files out: ids, times and prices."""
        return tuple(column.name for column in self.columns if column.name in self.delta and column.type == I64)

    @property
    def writer_properties(self) -> WriterProperties:
        packed = ColumnProperties(encoding="DELTA_BINARY_PACKED", dictionary_enabled=False)
        return WriterProperties(
            compression="ZSTD",
            compression_level=COMPRESSION_LEVEL,
            column_properties=dict.fromkeys(self.delta, packed),
        )


TRADES = Table(
    "trades",
    "One row a public trade, or an aggregate of `trade_count` trades with consecutive ids.",
    (
        *_PARTITION,
        _column("trade_id", I64, "the venue's id; of an aggregate the first"),
        _column("trade_count", I32, "trades in this row"),
        _column("ts_event", I64, "the venue's time of the trade, in units of 10^-time_scale s"),
        _column("time_scale", I8, "3: ts_event in ms, 6: in us"),
        _TS_RECV,
        _column("price", I64, "quote units per base unit, scaled"),
        _column("qty", I64, "base units, scaled"),
        *_SCALES,
        _column("side", I8, "the aggressor's: 1 buy, -1 sell"),
    ),
    delta=("trade_id", "trade_count", "ts_event", "time_scale", "ts_recv", "price", "price_scale", "qty_scale"),
)

QUOTES = Table(
    "quotes",
    "One row a change of the best bid or ask.",
    (
        *_PARTITION,
        _column("update_id", I64, "the venue's id of the book state"),
        _column("ts_event", I64, "in units of 10^-time_scale s; null where the venue sends none", nullable=True),
        _column("time_scale", I8, "3: ts_event in ms, 6: in us"),
        _TS_RECV,
        _column("bid", I64, "best bid price, scaled"),
        _column("bid_qty", I64, "size at the best bid, scaled"),
        _column("ask", I64, "best ask price, scaled"),
        _column("ask_qty", I64, "size at the best ask, scaled"),
        *_SCALES,
    ),
    delta=("update_id", "ts_event", "time_scale", "ts_recv", "bid", "ask", "price_scale", "qty_scale"),
)

_LEVELS = pa.list_(pa.field("element", I64, nullable=False))
BOOK_TOP = Table(
    "book_top",
    "The rebuilt book at each closed second, up to 20 levels a side, best first.",
    (
        *_PARTITION,
        *_CLOSED,
        _column("update_id", I64, "the last change it holds"),
        _column("valid", BOOL, "false: a gap or a missing snapshot; then the levels are empty"),
        _column("bid_price", _LEVELS, "scaled"),
        _column("bid_qty", _LEVELS, "scaled"),
        _column("ask_price", _LEVELS, "scaled"),
        _column("ask_qty", _LEVELS, "scaled"),
        *_SCALES,
    ),
    delta=("ts_event", "ts_recv", "update_id"),
)

BARS = Table(
    "bars",
    "One row a closed bar as the venue published it.",
    (
        *_PARTITION,
        _column("interval", TEXT, "1m, 5m, ..."),
        _column("ts_open", I64, "inclusive start, ns"),
        _column("ts_close", I64, "exclusive end, ns"),
        _TS_RECV,
        _column("open", I64, "scaled"),
        _column("high", I64, "scaled"),
        _column("low", I64, "scaled"),
        _column("close", I64, "scaled"),
        _column("volume", I64, "base units, scaled"),
        _column("quote_volume", F64, "quote units"),
        _column("trades", I32, "trades in the bar"),
        _column("taker_buy_volume", I64, "base units bought by takers, scaled"),
        *_SCALES,
    ),
    delta=("ts_open", "ts_close", "ts_recv", "open", "high", "low", "close"),
)

ORDERFLOW_1S = Table(
    "orderflow_1s",
    "Order flow of the trailing 60 s, closed each second. Formulas: trifecta/features/orderflow.py.",
    (
        *_PARTITION,
        *_CLOSED,
        _column("buy_volume", F64, "base units bought by takers in the window"),
        _column("sell_volume", F64, "base units sold by takers in the window"),
        _column("volume_imbalance", F64, "clamp(0.7 t + 0.3 b, -1, 1)"),
        _column("large_trades_ratio", F64, "share of trades above 3 x the window's mean size"),
        _column("aggressive_buy_ratio", F64, "share of trades in which takers bought"),
        _column("aggressive_sell_ratio", F64, "share of trades in which takers sold"),
        _column("bid_ask_spread", F64, "(ask - bid) / bid; NaN without a valid book"),
        _column("order_book_imbalance", F64, "over 20 levels; NaN without a valid book"),
        _column("volume_weighted_price", F64, "of the window; NaN without a trade"),
        _column("trade_intensity", F64, "trades a second in the window"),
        _column("trades", I32, "trades in the window"),
        _column("high", F64, "of this second alone; NaN without a trade"),
        _column("low", F64, "of this second alone; NaN without a trade"),
        _column("last_price", F64, "last trade so far; NaN before the first"),
        _column("bid", F64, "at the close; NaN without a valid book"),
        _column("ask", F64, "at the close; NaN without a valid book"),
        _column("ready", BOOL, "10 trades or more in the window"),
        _column("book_valid", BOOL, "the book was bridged and without a gap"),
        _column("complete", BOOL, "no trade of the window is known to be missing"),
    ),
    delta=("ts_event", "ts_recv"),
)

PREDICTIONS = Table(
    "predictions",
    "Ranges as they were served, one row a minute and horizon.",
    (
        *_PARTITION,
        _column("ts_event", I64, "when the forecast was made, event time, ns"),
        _column("ts_recv", I64, "when it was made by our clock, ns"),
        _column("horizon_s", I32, "how far it looks, s"),
        _column("log_range", F64, "forecast of log(high / low) over the horizon"),
        _column("log_range_low", F64, "lower end of the interval"),
        _column("log_range_high", F64, "upper end of the interval"),
        _column("coverage", F64, "how often the interval should hold, 0..1"),
        _column("price", F64, "mid price it was made at"),
        _column("source", TEXT, "model, baseline or fallback"),
        _column("method", TEXT, "persistence, ewma, har, ... or a model's version"),
    ),
    delta=("ts_event", "ts_recv"),
)

GAPS = Table(
    "gaps",
    "What a feed skipped, and what became of it: the newest row of a gap_id counts.",
    (
        *_PARTITION,
        _column("gap_id", TEXT, "stream and first missing id"),
        _column("stream", TEXT, "trade, depth, ..."),
        _column("status", TEXT, "open, filled or lost"),
        _column("first_id", I64, "first missing id"),
        _column("last_id", I64, "last missing id"),
        _column("ts_from", I64, "last event before it, ns"),
        _column("ts_to", I64, "first event after it, ns"),
        _column("reason", TEXT, "what happened, and why it was lost if it was"),
        _TS_RECV,
    ),
)

QUARANTINE = Table(
    "quarantine",
    "Input that cannot be what it claims to be, with the reason.",
    (
        _PARTITION[0],
        _PARTITION[2],
        _column("symbol", TEXT, "as the venue names it; empty where it cannot be told"),
        _column("stream", TEXT, "trade, depth, ...; empty where it cannot be told"),
        _column("reason", TEXT, "one of a closed list: see trifecta/market/quarantine.py"),
        _column("detail", TEXT, "field, value and what was expected"),
        _column("payload", TEXT, "the input, at most 2000 characters"),
        _TS_RECV,
    ),
    # Not by symbol: what cannot be believed must not name folders.
    partition_by=("venue", "date"),
)

CLOCK_OFFSETS = Table(
    "clock_offsets",
    "How far a venue's clock is ahead of ours.",
    (
        _PARTITION[0],
        _PARTITION[2],
        _TS_RECV,
        _column("offset_ns", I64, "venue minus ours, ns"),
        _column("round_trip_ns", I64, "of the request that measured it, ns"),
    ),
    delta=("ts_recv",),
    partition_by=("venue", "date"),
)

INSTRUMENTS = Table(
    "instruments",
    "What a venue said of a symbol: filters, base fees, ways out. The newest row of a symbol counts.",
    (
        _PARTITION[0],
        _PARTITION[2],
        _PARTITION[1],
        _column("unified", TEXT, "base/quote as all venues name them"),
        _column("base", TEXT, "what is traded"),
        _column("quote", TEXT, "what it is paid in: USD and USDT are not the same"),
        _column("tick", F64, "prices are multiples of it, quote units"),
        _column("lot", F64, "sizes are multiples of it, base units"),
        _column("min_qty", F64, "smallest order, base units; 0 for none"),
        _column("min_notional", F64, "smallest order, quote units; 0 for none"),
        _column("taker", F64, "fee of a taker as a fraction, of the lowest tier"),
        _column("maker", F64, "fee of a maker as a fraction, of the lowest tier"),
        _column("base_networks", pa.list_(pa.field("element", TEXT, nullable=False)), "over which base may leave"),
        _column("base_withdraw_fees", pa.list_(pa.field("element", F64, nullable=False)), "base units; NaN: not told"),
        _column("quote_networks", pa.list_(pa.field("element", TEXT, nullable=False)), "over which quote may leave"),
        _column(
            "quote_withdraw_fees", pa.list_(pa.field("element", F64, nullable=False)), "quote units; NaN: not told"
        ),
        _TS_RECV,
    ),
    partition_by=("venue", "date"),
)

OPPORTUNITIES = Table(
    "opportunities",
    "What the scanners found: one row where an opportunity appeared, changed its verdict or was seen last.",
    (
        _column("engine", TEXT, "arbitrage, forex or binary"),
        _PARTITION[2],
        _column("id", TEXT, "the same for as long as the same chance lasts"),
        _column("event", TEXT, "found, judged or ended"),
        _column("ts_first", I64, "when it was first seen, ns"),
        _column("ts_event", I64, "of the newest quote it rests on, ns"),
        _column("ts_expiry", I64, "nobody may act on it from then on, ns"),
        _TS_RECV,
        _column("venue", TEXT, "where it begins"),
        _column("symbol", TEXT, "what is traded there"),
        _column("verdict", TEXT, "EXECUTE, CONSIDER or SKIP"),
        _column("reason", TEXT, "why"),
        _column("risk_score", F64, "0 (safe) .. 100"),
        _column("expected_profit", F64, "after every cost, in its own currency"),
        _column("costs", TEXT, "JSON: name and amount of each"),
        _column("plan", TEXT, "JSON: what would be done"),
        _column("simulated", BOOL, "it rests on data that the emulator produced"),
    ),
    delta=("ts_first", "ts_event", "ts_expiry", "ts_recv"),
    partition_by=("engine", "date"),
)

BINARY_SIGNALS = Table(
    "binary_signals",
    "Bets on a price after some seconds, as their source claimed them: a feed, or our own momentum of minutes.",
    (
        _PARTITION[0],
        _PARTITION[2],
        _column("symbol", TEXT, "the pair, as forex names it: EURUSD"),
        _column("signal_id", TEXT, "the source's own, each stored once"),
        _column("ts_event", I64, "when the source made it, ns"),
        _TS_RECV,
        _column("direction", I8, "1 call: the price rises, -1 put: it falls"),
        _column("probability", F64, "of winning, as the source claims it, 0..1"),
        _column("expiry_s", I32, "from its receipt until it is decided, s"),
        _column("payout", F64, "profit of a won bet per unit staked"),
    ),
    delta=("ts_event", "ts_recv"),
    partition_by=("venue", "date"),
)

POOL_RESERVES = Table(
    "pool_reserves",
    "Reserves of a constant-product pool; all rows of one chain and block_number were read at that block.",
    (
        _PARTITION[0],
        _PARTITION[2],
        _column("chain_id", I64, "1 Ethereum, 137 Polygon, 42161 Arbitrum"),
        _column("symbol", TEXT, "token0/token1 by the registry's names"),
        _column("pool", TEXT, "address of the pair contract"),
        _column("token0", TEXT, "address"),
        _column("token1", TEXT, "address"),
        _column("decimals0", I8, "a unit of token0 is 10^decimals0 of its smallest"),
        _column("decimals1", I8, "a unit of token1 is 10^decimals1 of its smallest"),
        _column("reserve0", TEXT, "smallest units, exact: up to 112 bits"),
        _column("reserve1", TEXT, "smallest units, exact: up to 112 bits"),
        _column("fee_bps", F64, "of what goes in"),
        _column("block_number", I64, "the block it was read at"),
        _column("block_hash", TEXT, "that block's"),
        _column("ts_event", I64, "that block's time, ns"),
        _TS_RECV,
        _column("gas_price_wei", I64, "what the endpoint asked for at that moment"),
    ),
    delta=("block_number", "ts_event", "ts_recv"),
    partition_by=("venue", "date"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        TRADES,
        QUOTES,
        BOOK_TOP,
        BARS,
        ORDERFLOW_1S,
        PREDICTIONS,
        GAPS,
        QUARANTINE,
        CLOCK_OFFSETS,
        INSTRUMENTS,
        OPPORTUNITIES,
        BINARY_SIGNALS,
        POOL_RESERVES,
    )
}
