"""What takers do and what the book holds, second by second."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from streamlit_app import figures, frame
from streamlit_app.frame import Instrument
from streamlit_app.reading import reader, sidecar, since_ns

SPANS = {"5 min": 5, "15 min": 15, "1 hour": 60}
LARGE = 3.0  # times the mean size, as the feature `large_trades_ratio` counts
MOST_LARGE = 50
PICTURE_COLUMNS, PICTURE_ROWS = 240, 60

FEATURES = {
    "buy_volume": "base units bought by takers",
    "sell_volume": "base units sold by takers",
    "volume_imbalance": "−1 … 1, positive where takers buy",
    "large_trades_ratio": "share of trades above 3 × the mean size",
    "aggressive_buy_ratio": "share of trades in which takers bought",
    "aggressive_sell_ratio": "share of trades in which takers sold",
    "bid_ask_spread": "(ask − bid) / bid",
    "order_book_imbalance": "−1 … 1 over 20 levels, positive where bids are larger",
    "volume_weighted_price": "mean price by size",
    "trade_intensity": "trades a second",
}

# Days are folders, by when a row was received: naming them keeps the rest of the lake shut
_LATELY = """
    venue = $venue and symbol = $symbol and date >= make_timestamp_ns($since_ns)::date - 1
        and ts_event > make_timestamp_ns($since_ns)
"""
_SECONDS = f"""
    select ts_event, last_price, bid, ask, {", ".join(FEATURES)}
    from orderflow_1s where {_LATELY} order by ts_event
"""  # noqa: S608 - our own names
_DEPTH = f"""
    select ts_event, bid_price, bid_qty, ask_price, ask_qty
    from book_top where valid and {_LATELY} order by ts_event
"""  # noqa: S608 - our own names
# Over the stored integers: a comparison with them is made before a row is read, one with the view's times after it
_LARGE = """
    select raw.instant(ts_event, time_scale) as ts_event, if(side = 1, 'buy', 'sell') as side,
        price / raw.tens(price_scale) as price, qty / raw.tens(qty_scale) as qty,
        price / raw.tens(price_scale) * qty / raw.tens(qty_scale) as notional, qty / avg(qty) over () as times_the_mean
    from raw.trades
    where venue = $venue and symbol = $symbol and ts_recv > $since_ns
        and date >= make_timestamp_ns($since_ns)::date
    qualify qty > $large * avg(qty) over ()
    order by notional desc
    limit $most
"""


def main() -> None:
    frame.heading("Order flow", "Sums over the 60 seconds that end at each second, and the rebuilt order book.")
    chosen = frame.instrument()
    span = st.segmented_control("Span", list(SPANS), default="15 min", required=True, label_visibility="collapsed")
    minutes = SPANS[span or "15 min"]
    _now(chosen)
    _flow(chosen, minutes)
    left, right = st.columns([3, 2])
    with left:
        _picture(chosen, min(minutes, 15))
    with right:
        _ladder(chosen)
    _large_trades(chosen, minutes)


def _read(sql: str, chosen: Instrument, minutes: int, **values: object) -> pd.DataFrame:
    """What the lake holds of the last so many minutes."""
    begin_ns = since_ns(chosen.venue, chosen.symbol, minutes)
    return reader().read(sql, venue=chosen.venue, symbol=chosen.symbol, since_ns=begin_ns, **values)


@st.fragment(run_every=frame.LIVE_S)
def _now(chosen: Instrument) -> None:
    flow = sidecar().get("/orderflow/metrics", symbol=chosen.symbol, venue=chosen.venue)
    if frame.trouble(flow):
        return
    spread = flow["bid_ask_spread"]
    figures.tiles(
        {
            "Last price": (figures.number(flow["last_price"]), ""),
            "Volume imbalance": (figures.number(flow["volume_imbalance"], "+.2f"), FEATURES["volume_imbalance"]),
            "Book imbalance": (figures.number(flow["order_book_imbalance"], "+.2f"), FEATURES["order_book_imbalance"]),
            "Spread": (figures.number(None if spread is None else spread * 1e4, ".2f") + " bps", "(ask − bid) / bid"),
            "Large trades": (figures.number(flow["large_trades_ratio"], ".1%"), FEATURES["large_trades_ratio"]),
            "Trades a second": (figures.number(flow["trade_intensity"], ".1f"), "over the last 60 s"),
        },
        key="now",
    )


@st.fragment(run_every=frame.CHART_S)
def _flow(chosen: Instrument, minutes: int) -> None:
    seconds = _read(_SECONDS, chosen, minutes)
    if seconds.empty:
        frame.nothing("No second has closed yet", "It takes a few seconds after the recorder connects.")
        return
    times = seconds["ts_event"]
    figure = figures.panels(("price", "taker volume", "imbalance"), heights=(0.5, 0.25, 0.25), height=560)
    figures.line(figure, times, seconds["ask"], "ask", figures.DOWN, row=1, width=1)
    figures.line(figure, times, seconds["bid"], "bid", figures.UP, row=1, width=1)
    figures.line(figure, times, seconds["last_price"], "last price", figures.BLUE, row=1)
    figures.line(figure, times, seconds["buy_volume"], "bought", figures.UP, row=2, fill="tozeroy")
    figures.line(figure, times, -seconds["sell_volume"], "sold", figures.DOWN, row=2, fill="tozeroy")
    figures.line(figure, times, seconds["volume_imbalance"], "volume", figures.BLUE, row=3)
    figures.line(figure, times, seconds["order_book_imbalance"], "book", figures.AMBER, row=3)
    figure.update_yaxes(range=[-1, 1], row=3, col=1)
    about = f"Price, taker volume and imbalance of {chosen.label} over the last {minutes} minutes"
    figures.show(figure, f"flow-{chosen.label}-{minutes}", about)
    with (all_ten := st.expander("All ten features", icon=":material/table_rows:", key="features", on_change="rerun")):
        if all_ten.open:
            st.dataframe(_features(seconds), hide_index=True, width="stretch", column_config=_FEATURE_COLUMNS)


_FEATURE_COLUMNS = {
    "now": st.column_config.NumberColumn(format="%.6g"),
    "course": st.column_config.LineChartColumn(width="large"),
}


def _features(seconds: pd.DataFrame) -> pd.DataFrame:
    step = max(len(seconds) // 200, 1)
    rows = [
        {
            "feature": name,
            "now": seconds[name].iloc[-1],
            "course": seconds[name].iloc[::step].dropna().tolist(),
            "what it is": about,
        }
        for name, about in FEATURES.items()
    ]
    return pd.DataFrame(rows)


@st.fragment(run_every=2 * frame.CHART_S)
def _picture(chosen: Instrument, minutes: int) -> None:
    st.subheader(f"Depth, last {minutes} min")
    books = _read(_DEPTH, chosen, minutes)
    if books.empty:
        frame.nothing("No valid book yet", "A depth snapshot and the changes behind it make one.")
        return
    colours = [(0.0, "rgba(31,59,115,0)"), (0.15, "#1F3B73"), (0.5, "#3E7BFA"), (0.8, "#F5A524"), (1.0, "#FFF3D6")]
    sizes = depth_picture(books)
    figure = figures.heat(
        sizes, height=380, unit="base units", colours=colours, top=float(np.nanquantile(sizes.to_numpy(), 0.995)) or 1
    )
    mid = books.apply(lambda row: (row["bid_price"][0] + row["ask_price"][0]) / 2, axis=1)
    figures.line(figure, books["ts_event"], mid, "mid", figures.RED, width=1.2)
    about = f"Sizes in the order book of {chosen.label} by price and time"
    figures.show(figure, f"picture-{chosen.label}-{minutes}", about)


def depth_picture(books: pd.DataFrame) -> pd.DataFrame:
    """Mean size at each price step (rows) and time step (columns); 0 where nothing stood."""
    prices = np.concatenate([np.concatenate(books[f"{side}_price"].to_list()) for side in ("bid", "ask")])
    sizes = np.concatenate([np.concatenate(books[f"{side}_qty"].to_list()) for side in ("bid", "ask")])
    instants = books["ts_event"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    times = np.concatenate([np.repeat(instants, books[f"{side}_price"].map(len)) for side in ("bid", "ask")])
    low, high = np.quantile(prices, [0.01, 0.99])
    inside = (prices >= low) & (prices <= high)
    columns, rows = min(PICTURE_COLUMNS, len(books)), PICTURE_ROWS
    edges = np.linspace(instants[0], instants[-1] + 1, columns + 1), np.linspace(low, high + 1e-9, rows + 1)
    total, *_ = np.histogram2d(times[inside], prices[inside], bins=edges, weights=sizes[inside])
    seconds, _ = np.histogram(instants, bins=edges[0])
    mean = total / np.maximum(seconds, 1)[:, None]
    starts = pd.to_datetime(edges[0][:-1].astype(np.int64))
    return pd.DataFrame(mean.T, index=(edges[1][:-1] + edges[1][1:]) / 2, columns=starts)


@st.fragment(run_every=frame.CHART_S)
def _ladder(chosen: Instrument) -> None:
    st.subheader("The book now")
    books = _read(_DEPTH, chosen, 1)
    if books.empty:
        frame.nothing("No valid book yet", "See the quality page for gaps.")
        return
    newest = books.iloc[-1]
    figure = figures.styled(go.Figure(), height=380)
    for side, colour in (("bid", figures.UP), ("ask", figures.DOWN)):
        prices, sizes = newest[f"{side}_price"], np.cumsum(newest[f"{side}_qty"])
        figure.add_scatter(
            x=prices, y=sizes, name=side, mode="lines", line={"color": colour, "shape": "hv"}, fill="tozeroy"
        )
    figure.update_xaxes(title_text="price")
    figure.update_yaxes(title_text="size up to here, base units", title_font_size=11)
    figures.show(figure, f"ladder-{chosen.label}", f"Cumulated sizes of the book of {chosen.label}")
    st.caption(f"20 levels a side at {newest['ts_event']:%H:%M:%S} UTC")


@st.fragment(run_every=2 * frame.CHART_S)
def _large_trades(chosen: Instrument, minutes: int) -> None:
    st.subheader("Large trades")
    rows = _read(_LARGE, chosen, minutes, large=LARGE, most=MOST_LARGE)
    if rows.empty:
        frame.nothing(f"No trade above {LARGE:g} × the mean size", "They are counted over the span chosen above.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=320,
        column_config={
            "ts_event": st.column_config.DatetimeColumn("time, UTC", format="HH:mm:ss.SSS"),
            "notional": st.column_config.ProgressColumn(
                "notional", format="%.0f", min_value=0, max_value=float(rows["notional"].max())
            ),
            "times_the_mean": st.column_config.NumberColumn("× mean", format="%.1f"),
        },
    )


main()
