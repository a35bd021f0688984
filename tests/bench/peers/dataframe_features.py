"""The ten order-flow features of the trailing 60 s at each closed second, as a pandas or a polars user computes them.

Sums that add up go by second and are then rolled over 60 seconds. What does not add up is the share of large trades,
because each window has a mean of its own: polars groups by overlapping windows, which pandas does not have, so there
each of the 60 windows that hold a trade is compared with it in turn, all trades at once.

Arguments: pandas or polars, an .npz, where to save the features. The .npz: trades `second` (0.., the one it belongs
to), `age_s` (at the end of it), `price`, `qty`, `buy`; and by second `bid`, `ask`, `bids`, `asks` (sizes of 20 levels).
"""

from __future__ import annotations

import os
import sys

os.environ["POLARS_MAX_THREADS"] = "1"  # ours runs on one core too

import numpy as np
import pandas as pd
import polars as pl
from turns import take_turns

WINDOW_S, DECAY_S, QTY_POWER, LARGE = 60, 30.0, 1.1, 3.0
NAMES = (
    "buy_volume",
    "sell_volume",
    "volume_imbalance",
    "large_trades_ratio",
    "aggressive_buy_ratio",
    "aggressive_sell_ratio",
    "bid_ask_spread",
    "order_book_imbalance",
    "volume_weighted_price",
    "trade_intensity",
)
# A sum that decays: each second's part counts exp(-1/30) less in the next one, and leaves after 60.
FADE = np.exp(-1 / DECAY_S)


def with_pandas(trades: pd.DataFrame, book: pd.DataFrame) -> pd.DataFrame:
    seconds = len(book)
    weight = np.exp(QTY_POWER * np.log(trades.qty) - trades.age_s / DECAY_S)
    by_second = (
        pd.DataFrame(
            {
                "second": trades.second,
                "buy": trades.qty.where(trades.buy, 0.0),
                "qty": trades.qty,
                "buys": trades.buy,
                "weight": weight,
                "signed": weight.where(trades.buy, -weight),
                "notional": trades.price * trades.qty,
            }
        )
        .groupby("second", sort=False)
        .agg(
            buy=("buy", "sum"),
            qty=("qty", "sum"),
            buys=("buys", "sum"),
            count=("qty", "size"),
            weight=("weight", "sum"),
            signed=("signed", "sum"),
            notional=("notional", "sum"),
        )
        .reindex(range(seconds), fill_value=0)
    )
    window = by_second[["buy", "qty", "buys", "count", "notional"]].rolling(WINDOW_S, min_periods=1).sum()
    faded = {name: _faded(by_second[name].to_numpy()) for name in ("weight", "signed")}
    limit = LARGE * window.qty / window["count"]
    large = _count_large(trades.second.to_numpy(), trades.qty.to_numpy(), limit.to_numpy())
    imbalance = (book.bids - book.asks) / (book.bids + book.asks)
    features = (
        window.buy,
        window.qty - window.buy,
        (0.7 * faded["signed"] / faded["weight"] + 0.3 * imbalance).clip(-1, 1),
        large / window["count"],
        window.buys / window["count"],
        1 - window.buys / window["count"],
        (book.ask - book.bid) / book.bid,
        imbalance,
        window.notional / window.qty,
        window["count"] / WINDOW_S,
    )
    return pd.DataFrame(dict(zip(NAMES, features, strict=True)))


def with_polars(trades: pl.DataFrame, book: pl.DataFrame) -> pl.DataFrame:
    weight = (QTY_POWER * pl.col("qty").log() - pl.col("age_s") / DECAY_S).exp()
    by_second = (
        trades.lazy()
        .with_columns(weight=weight)
        .group_by("second")
        .agg(
            buy=pl.col("qty").filter("buy").sum(),
            qty=pl.col("qty").sum(),
            buys=pl.col("buy").sum(),
            count=pl.len(),
            weight=pl.col("weight").sum(),
            bought=pl.col("weight").filter("buy").sum(),
            notional=(pl.col("price") * pl.col("qty")).sum(),
        )
    )
    large = (
        trades.lazy()
        .set_sorted("second")
        .group_by_dynamic("second", every="1i", period=f"{WINDOW_S}i", offset=f"-{WINDOW_S - 1}i", label="right")
        .agg(large=(pl.col("qty") > LARGE * pl.col("qty").mean()).sum())
        .with_columns(second=pl.col("second") - 1)  # windows are labelled by their end, seconds by their start
    )
    rolled = ("buy", "qty", "buys", "count", "notional")
    window = (
        book.lazy()
        .join(by_second, on="second", how="left", maintain_order="left")
        .with_columns(pl.col(*rolled, "weight", "bought").cast(pl.Float64).fill_null(0))
        .with_columns(pl.col(*rolled).rolling_sum(WINDOW_S, min_samples=1))
        .join(large, on="second", how="left", maintain_order="left")
        .collect()
    )
    bought, weights = _faded(window["bought"].to_numpy()), _faded(window["weight"].to_numpy())
    imbalance = (pl.col("bids") - pl.col("asks")) / (pl.col("bids") + pl.col("asks"))
    features = (
        pl.col("buy"),
        pl.col("qty") - pl.col("buy"),
        (0.7 * pl.col("flow") + 0.3 * imbalance).clip(-1, 1),
        pl.col("large") / pl.col("count"),
        pl.col("buys") / pl.col("count"),
        1 - pl.col("buys") / pl.col("count"),
        (pl.col("ask") - pl.col("bid")) / pl.col("bid"),
        imbalance,
        pl.col("notional") / pl.col("qty"),
        pl.col("count") / WINDOW_S,
    )
    flow = 2 * bought / weights - 1
    known = window.with_columns(flow=pl.Series(flow))
    return known.select(**dict(zip(NAMES, features, strict=True)))


def _faded(parts: np.ndarray) -> np.ndarray:
    """Sum of the last 60 parts, each faded by its age in seconds; neither library rolls with weights this fast."""
    total = parts.astype(np.float64)
    for age in range(1, WINDOW_S):
        total[age:] += parts[:-age] * FADE**age
    return total


def _count_large(second: np.ndarray, qty: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """How many of the trades in each window are above its limit."""
    counts = np.zeros(len(limit), np.int64)
    padded = np.concatenate([limit, np.full(WINDOW_S, np.inf)])
    for age in range(WINDOW_S):
        closing = second + age
        counts += np.bincount(closing[qty > padded[closing]], minlength=len(limit))[: len(limit)]
    return counts


def main() -> None:
    kind, given, saved = sys.argv[1:]
    columns = dict(np.load(given))
    trades = {name: columns[name] for name in ("second", "age_s", "price", "qty", "buy")}
    book = {name: columns[name] for name in ("bid", "ask", "bids", "asks")}
    if kind == "pandas":
        frame, known = pd.DataFrame(trades), pd.DataFrame(book)
        np.save(saved, with_pandas(frame, known).to_numpy())
        take_turns(lambda: with_pandas(frame, known))
    else:
        table, tops = pl.DataFrame(trades), pl.DataFrame({"second": np.arange(len(book["bid"])), **book})
        np.save(saved, with_polars(table, tops).to_numpy())
        take_turns(lambda: with_polars(table, tops))


if __name__ == "__main__":
    main()
