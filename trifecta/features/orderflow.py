"""Ten order-flow features of the trailing 60 s, closed each second of event time.

One implementation serves live capture, replay and history. Trades go into one-second buckets; a second that closes
sums the 60 newest buckets. Volumes are summed as integers and everything else bucket by bucket in a fixed order, so
the same trades give the same bits however they are batched, and nothing of the future can enter a closed second.

A trade belongs to the second that is open when it arrives: one that arrives late counts as having happened at the
start of the open second, because by then the second it belongs to has been told. A trade that comes behind a later id,
because it was skipped and fetched again, is not counted: the seconds that lack it are marked as not complete.

With w = exp(-age / 30 s) * qty^1.1, age at the close of the second, and B, A the sizes of 20 levels a side:

    t = sum(side * w) / sum(w)          b = (sum B - sum A) / (sum B + sum A)
    volume_imbalance = clamp(0.7 t + 0.3 b, -1, 1)
    large_trades_ratio = trades with qty > 3 * the window's mean qty, over all trades
    aggressive_buy_ratio, aggressive_sell_ratio = trades in which takers bought, sold, over all trades
    bid_ask_spread = (ask - bid) / bid
    volume_weighted_price = sum(price * qty) / sum(qty)
    trade_intensity = trades / 60 s

Where the source tells only aggregates of trades, an aggregate is one trade in large_trades_ratio and as many as it
holds everywhere else.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from trifecta.market.events import FAR_BEHIND, LEVELS, TRADE, Seconds, integers
from trifecta.market.instruments import Instrument

Events = npt.NDArray[np.void]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WINDOW_S = 60
MIN_TRADES = 10
DECAY_S = 30.0
QTY_POWER = 1.1
LARGE = 3
TRADES_SHARE, BOOK_SHARE = 0.7, 0.3
_SECOND = 1_000_000_000
_FIRST_ID, _NEVER = -1, int(np.iinfo(np.int64).max)

FLOW = np.dtype(
    [
        ("position", "i8"),
        ("ts_event", "i8"),
        ("ts_recv", "i8"),
        ("buy_volume", "f8"),
        ("sell_volume", "f8"),
        ("volume_imbalance", "f8"),
        ("large_trades_ratio", "f8"),
        ("aggressive_buy_ratio", "f8"),
        ("aggressive_sell_ratio", "f8"),
        ("bid_ask_spread", "f8"),
        ("order_book_imbalance", "f8"),
        ("volume_weighted_price", "f8"),
        ("trade_intensity", "f8"),
        ("trades", "i4"),
        ("high", "f8"),
        ("low", "f8"),
        ("last_price", "f8"),
        ("bid", "f8"),
        ("ask", "f8"),
        ("ready", "?"),
        ("book_valid", "?"),
        ("complete", "?"),
    ]
)
"""One closed second of one instrument; the columns are those of `market.events.OrderFlow`."""

# Columns of a bucket's integers, rows of its floats, and what the kernel tells of a window.
_BUY, _SELL, _TRADES, _BUYS, _ROWS, _FIRST, _FIRST_BIG = range(7)
_SIGNED, _WEIGHT, _NOTIONAL = range(3)
_POSITION, _TRADE_ID, _TS_EVENT, _COUNT, _PRICE, _QTY, _SIDE = (
    (TRADE.names or ()).index(name) for name in ("position", "trade_id", "ts_event", "count", "price", "qty", "side")
)
# Where each begins in a row of TOP.
_VALID, _BID_PRICE, _BID_QTY, _ASK_PRICE, _ASK_QTY = 2, 3, 3 + LEVELS, 3 + 2 * LEVELS, 3 + 3 * LEVELS
_OPEN_END, _SLOT, _SEEN, _NEXT_ID, _HIGH, _LOW, _LAST, _BIG_FROM, _BIGS = range(9)
_LARGE_ROWS, _OUT_HIGH, _OUT_LOW, _OUT_LAST, _OUT_INTS = 5, 6, 7, 8, 9


class OrderFlowWindow:
    """The trailing window of one instrument; carries over from batch to batch."""

    def __init__(self, instrument: Instrument, open_end: int) -> None:
        """Starts empty in the second that ends at `open_end` (ns)."""
        self._instrument = instrument
        self._state = np.array([open_end, 0, 0, _FIRST_ID, 0, 0, 0, 0, 0], np.int64)
        self._ints = np.zeros((WINDOW_S, 7), np.int64)
        self._floats = np.zeros((3, 2 * WINDOW_S), np.float64)  # each bucket twice: the window lies in one piece
        self._totals = np.zeros(_FIRST, np.int64)  # of the closed seconds of the window
        self._lots = np.zeros(0, np.int64)  # sizes of the window's trades
        self._bigs = np.zeros(0, np.int64)  # those of them that may be large

    def advance(self, trades: Events, seconds: Seconds, tops: Events, complete: Flags) -> Events:
        """FLOW rows of the seconds that closed.

        Args:
            trades: TRADE array in order of arrival.
            seconds: what closed meanwhile; a trade at the position of a close belongs to the next second.
            tops: TOP array, the book at each close.
            complete: for each close, whether no trade of its window is known to be missing.
        """
        if not len(trades) and not len(seconds.ends):
            return np.empty(0, FLOW)
        lots, bigs = (np.empty(len(self._lots) + len(trades), np.int64) for _ in range(2))
        lots[: len(self._lots)], bigs[: len(self._bigs)] = self._lots, self._bigs
        first = int(self._state[_SEEN]) - len(self._lots)
        ints = np.zeros((len(seconds.ends), _OUT_INTS), np.int64)
        floats = np.zeros((len(seconds.ends), 3))
        held = _advance(
            self._state, self._ints, self._floats, self._totals, _DECAY, _POWERS, integers(trades), lots, bigs,
            len(self._lots), first, seconds.positions, seconds.ends, seconds.open_end, ints, floats,
        )  # fmt: skip
        oldest = self._ints[(self._state[_SLOT] + 1) % WINDOW_S]
        self._lots = lots[max(int(oldest[_FIRST]) - first, 0) : held]
        behind = int(oldest[_FIRST_BIG])
        self._bigs = bigs[behind : self._state[_BIGS]]
        self._ints[:, _FIRST_BIG] -= behind
        self._state[_BIGS] -= behind
        if not len(seconds.ends):
            return np.empty(0, FLOW)
        return self._rows(ints, floats, seconds, tops, complete)

    def _rows(
        self,
        ints: npt.NDArray[np.int64],
        floats: Floats,
        seconds: Seconds,
        tops: Events,
        complete: npt.NDArray[np.bool_],
    ) -> Events:
        rows = np.empty(len(ints), FLOW)
        rows["position"], rows["ts_event"], rows["ts_recv"] = seconds.positions, seconds.ends, seconds.ts_recv
        rows["complete"] = complete
        lot, tick = 10.0**self._instrument.qty_scale, 10.0**self._instrument.price_scale
        _fill(rows, ints, floats, integers(tops), lot, tick)
        return rows


_DECAY = np.exp(-np.arange(WINDOW_S)[::-1] / DECAY_S)  # oldest first
_POWERS = np.arange(1 << 16, dtype=np.float64) ** QTY_POWER  # of the sizes that most trades have: looked up


@numba.njit(cache=True)
def _fill(rows, ints, floats, tops, lot, tick):  # type: ignore[no-untyped-def]
    """Features of each window, and of the book at its close; NaN wherever the book is not valid."""
    for at in range(len(rows)):
        row = rows[at]
        buy, sell, count, buys = ints[at, _BUY], ints[at, _SELL], ints[at, _TRADES], ints[at, _BUYS]
        row.buy_volume, row.sell_volume = buy / lot, sell / lot
        row.large_trades_ratio = _ratio(ints[at, _LARGE_ROWS], ints[at, _ROWS])
        row.aggressive_buy_ratio, row.aggressive_sell_ratio = _ratio(buys, count), _ratio(count - buys, count)
        row.volume_weighted_price = _ratio(floats[at, _NOTIONAL], buy + sell) / tick
        row.trade_intensity, row.trades, row.ready = count / WINDOW_S, count, count >= MIN_TRADES
        row.high, row.low = _price(ints[at, _OUT_HIGH], tick), _price(ints[at, _OUT_LOW], tick)
        row.last_price = _price(ints[at, _OUT_LAST], tick)
        valid = tops[at, _VALID] == 1
        bids, asks = _book_sizes(tops, at)
        bid = tops[at, _BID_PRICE] / tick if valid else np.nan
        ask = tops[at, _ASK_PRICE] / tick if valid else np.nan
        book = _ratio(bids - asks, bids + asks) if valid else np.nan
        row.bid, row.ask, row.bid_ask_spread, row.order_book_imbalance = bid, ask, _ratio(ask - bid, bid), book
        row.book_valid = valid
        imbalance = TRADES_SHARE * _ratio(floats[at, _SIGNED], floats[at, _WEIGHT]) + BOOK_SHARE * book
        # Which of two NaNs a sum keeps is the compiler's choice: one of them stands for all.
        row.volume_imbalance = np.nan if np.isnan(imbalance) else min(max(imbalance, -1.0), 1.0)


@numba.njit(cache=True)
def _ratio(part, whole):  # type: ignore[no-untyped-def]
    """part / whole; NaN of nothing, and of what is not known."""
    return part / whole if whole > 0 else np.nan


@numba.njit(cache=True)
def _price(ticks, tick):  # type: ignore[no-untyped-def]
    return ticks / tick if ticks > 0 else np.nan


@numba.njit(cache=True)
def _book_sizes(tops, row):  # type: ignore[no-untyped-def]
    """Sums of the sizes of both sides."""
    bids = asks = 0
    for level in range(LEVELS):
        bids += tops[row, _BID_QTY + level]
        asks += tops[row, _ASK_QTY + level]
    return bids, asks


@numba.njit(cache=True)
def _advance(  # type: ignore[no-untyped-def]
    state,
    ints,
    floats,
    totals,
    decay,
    powers,
    trades,
    lots,
    bigs,
    held,
    first,
    positions,
    ends,
    open_end,
    out_ints,
    out_floats,
):
    """Adds trades to buckets and sums the window at each close; returns how many of `lots` are filled.

    The first `held` of `lots` are sizes from before, `first` is the number of the oldest since the start.
    """
    row = 0
    for close in range(len(ends)):
        row, held = _add(state, ints, floats, powers, trades, row, positions[close], lots, bigs, held)
        _sum(state, ints, floats, totals, decay, close, out_ints, out_floats)
        out_ints[close, _LARGE_ROWS] = _large(state, ints, totals, lots, bigs, first)
        _open(state, ints, floats, totals, ends[close + 1] if close + 1 < len(ends) else open_end)
    _, held = _add(state, ints, floats, powers, trades, row, _NEVER, lots, bigs, held)
    return held


@numba.njit(cache=True)
def _add(state, ints, floats, powers, trades, row, before, lots, bigs, held):  # type: ignore[no-untyped-def]
    """Adds trades from `row` up to position `before` to the open bucket and their sizes to `lots` and `bigs`.

    A trade that comes behind a later id is left out. Returns (next row, sizes held).
    """
    slot, open_end, next_id, seen = state[_SLOT], state[_OPEN_END], state[_NEXT_ID], held
    high, low, last = state[_HIGH], state[_LOW], state[_LAST]
    buy, sell, count, buys = ints[slot, _BUY], ints[slot, _SELL], ints[slot, _TRADES], ints[slot, _BUYS]
    signed, weights, notional = floats[_SIGNED, slot], floats[_WEIGHT, slot], floats[_NOTIONAL, slot]
    big_from, big = state[_BIG_FROM], state[_BIGS]
    while row < len(trades) and trades[row, _POSITION] < before:  # by both indexes: a view of each row costs a third
        at = row
        row += 1
        trade_id, prints = trades[at, _TRADE_ID], trades[at, _COUNT]
        if next_id - FAR_BEHIND <= trade_id < next_id:
            next_id = max(next_id, trade_id + prints)
            continue
        next_id = trade_id + prints
        qty, last = trades[at, _QTY], trades[at, _PRICE]
        weight = _power(powers, qty) * _faded(open_end - trades[at, _TS_EVENT])
        if trades[at, _SIDE] > 0:
            buy += qty
            buys += prints
            signed += weight
        else:
            sell += qty
            signed -= weight
        count += prints
        weights += weight
        notional += float(last) * float(qty)
        high = max(high, last)
        low = last if low == 0 else min(low, last)
        lots[held] = qty
        held += 1
        if qty >= big_from:
            bigs[big] = qty
            big += 1
    ints[slot, _BUY], ints[slot, _SELL], ints[slot, _TRADES], ints[slot, _BUYS] = buy, sell, count, buys
    for twin in (slot, slot + WINDOW_S):
        floats[_SIGNED, twin], floats[_WEIGHT, twin], floats[_NOTIONAL, twin] = signed, weights, notional
    ints[slot, _ROWS] += held - seen
    state[_BIGS] = big
    state[_SEEN] += held - seen
    state[_NEXT_ID], state[_HIGH], state[_LOW], state[_LAST] = next_id, high, low, last
    return row, held


@numba.njit(cache=True)
def _power(powers, qty):  # type: ignore[no-untyped-def]
    """qty^1.1."""
    if qty < len(powers):
        return powers[qty]
    return _large_power(qty)


@numba.njit(cache=True, no_cpython_wrapper=True)
def _large_power(qty):  # type: ignore[no-untyped-def]
    """The same in a call of its own: side by side, both would be computed for every trade."""
    return np.exp(QTY_POWER * np.log(float(qty)))


@numba.njit(cache=True)
def _faded(age_ns):  # type: ignore[no-untyped-def]
    """exp(-age / 30 s) of an age within the second: its series up to the 7th power is exact to the last bit or two."""
    x = max(min(age_ns, _SECOND), 0) * (-1e-9 / DECAY_S)
    return 1 + x * (1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720 + x * (1 / 5040)))))))


@numba.njit(cache=True)
def _sum(state, ints, floats, totals, decay, close, out_ints, out_floats):  # type: ignore[no-untyped-def]
    slot = state[_SLOT]
    for column in range(_FIRST):
        totals[column] += ints[slot, column]
        out_ints[close, column] = totals[column]
    for column, field in enumerate((_HIGH, _LOW, _LAST)):
        out_ints[close, _OUT_HIGH + column] = state[field]
    # Oldest first, every fourth by itself: one sum alone would wait for each of its additions.
    signed = weight = notional = (0.0, 0.0, 0.0, 0.0)
    for age in range(0, WINDOW_S, 4):
        signed = _four(signed, floats[_SIGNED], slot + 1 + age, decay, age)
        weight = _four(weight, floats[_WEIGHT], slot + 1 + age, decay, age)
        notional = _four(notional, floats[_NOTIONAL], slot + 1 + age, _ONES, age)
    out_floats[close, _SIGNED], out_floats[close, _WEIGHT] = _total(signed), _total(weight)
    out_floats[close, _NOTIONAL] = _total(notional)


_ONES = np.ones(WINDOW_S)


@numba.njit(cache=True)
def _four(sums, parts, at, factors, age):  # type: ignore[no-untyped-def]
    """`sums` and the next four parts, each with its factor."""
    return (
        sums[0] + parts[at] * factors[age],
        sums[1] + parts[at + 1] * factors[age + 1],
        sums[2] + parts[at + 2] * factors[age + 2],
        sums[3] + parts[at + 3] * factors[age + 3],
    )


@numba.njit(cache=True)
def _total(sums):  # type: ignore[no-untyped-def]
    return (sums[0] + sums[1]) + (sums[2] + sums[3])


@numba.njit(cache=True)
def _large(state, ints, totals, lots, bigs, first):  # type: ignore[no-untyped-def]
    """How many trades of the window are above 3 x its mean size, without leaving the integers.

    Looked for among those that are at least half as large as what was large once, which are few.
    """
    rows = totals[_ROWS]
    if rows == 0:
        return 0
    limit = LARGE * (totals[_BUY] + totals[_SELL]) // rows
    if not state[_BIG_FROM] <= limit + 1 <= 8 * state[_BIG_FROM]:
        state[_BIG_FROM] = max((limit + 1) // 2, 1)
        _choose(state, ints, lots, bigs, first)
    oldest = ints[state[_SLOT] + 1 if state[_SLOT] + 1 < WINDOW_S else 0, _FIRST_BIG]
    return _above(bigs[oldest : state[_BIGS]], limit)


@numba.njit(cache=True)
def _above(lots, limit):  # type: ignore[no-untyped-def]
    large = 0
    for row in range(len(lots)):  # this form, and not `for qty in lots`, compiles to vector instructions
        if lots[row] > limit:
            large += 1
    return large


@numba.njit(cache=True)
def _choose(state, ints, lots, bigs, first):  # type: ignore[no-untyped-def]
    """Those of `lots` that may be large, anew, bucket by bucket from the oldest on."""
    big = 0
    for step in range(1, WINDOW_S + 1):
        slot = (state[_SLOT] + step) % WINDOW_S
        stop = ints[(slot + 1) % WINDOW_S, _FIRST] if step < WINDOW_S else state[_SEEN]
        start = ints[slot, _FIRST]
        ints[slot, _FIRST_BIG] = big
        for row in range(max(start - first, 0), stop - first):
            if lots[row] >= state[_BIG_FROM]:
                bigs[big] = lots[row]
                big += 1
    state[_BIGS] = big


@numba.njit(cache=True)
def _open(state, ints, floats, totals, open_end):  # type: ignore[no-untyped-def]
    """Opens the second that ends at `open_end`; seconds skipped on the way leave empty buckets."""
    steps = min((open_end - state[_OPEN_END]) // _SECOND, WINDOW_S)
    for _ in range(steps):
        slot = state[_SLOT] + 1 if state[_SLOT] + 1 < WINDOW_S else 0
        state[_SLOT] = slot
        for column in range(_FIRST):
            totals[column] -= ints[slot, column]
            ints[slot, column] = 0
        for column in range(3):
            floats[column, slot] = floats[column, slot + WINDOW_S] = 0.0
        ints[slot, _FIRST], ints[slot, _FIRST_BIG] = state[_SEEN], state[_BIGS]
    state[_OPEN_END], state[_HIGH], state[_LOW] = open_end, 0, 0
