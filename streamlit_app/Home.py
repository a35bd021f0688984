"""What is recorded, what is forecast, and what is wrong."""

from __future__ import annotations

import threading
from typing import Any

import duckdb
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import warehouse
from streamlit_app.sidecar import Sidecar
from trifecta import settings as trifecta_settings

LIVE_S, CHART_S = 1.0, 5.0
MINUTES = 15
UP, DOWN, LINE = "#2e9e6b", "#d0563f", "#3b74d4"

_SECONDS = """
    select ts_event, last_price, bid, ask, volume_imbalance, order_book_imbalance, trade_intensity
    from orderflow_1s
    where venue = $venue and symbol = $symbol
        and date >= (select max(date) - 1 from orderflow_1s where venue = $venue and symbol = $symbol)
    qualify ts_event > max(ts_event) over () - to_minutes($minutes)
    order by ts_event
"""
_GAPS = "select symbol, stream, status, count(*) as gaps from gaps where venue = $venue group by all order by all"
_QUARANTINE = "select reason, count(*) as inputs from quarantine where venue = $venue group by all order by 2 desc"
_ROWS = """
    select symbol, count(*) as trades, max(ts_event) as newest
    from trades
    where venue = $venue and date >= (select max(date) - 1 from trades where venue = $venue)
    group by symbol order by symbol
"""


@st.cache_resource
def _settings() -> trifecta_settings.Settings:
    return trifecta_settings.load()


@st.cache_resource
def _reader() -> tuple[threading.Lock, warehouse.Lake, duckdb.DuckDBPyConnection]:
    lake = warehouse.Lake(_settings().lake)
    return threading.Lock(), lake, warehouse.session(lake)


def _read(sql: str, **values: object) -> pd.DataFrame:
    lock, lake, connection = _reader()
    with lock:
        warehouse.refresh(connection, lake)
        return connection.execute(sql, values).df()


def main() -> None:
    st.set_page_config("Trifecta", layout="wide")
    sidecar = Sidecar(_settings())
    health = sidecar.get("/health")
    st.title("Trifecta")
    if health.get("simulated"):
        st.warning("**SIMULATED**: these markets are generated on this machine. Nothing here is a real price.")
    feeds = health.get("feeds", [])
    if not feeds:
        st.error(health.get("reason") or "; ".join(health.get("reasons", [])) or "No feed is configured.")
        st.button("Try again")
        return
    names = [f"{feed['symbol']} · {feed['venue']}" for feed in feeds]
    chosen = st.segmented_control("Instrument", names, default=names[0], required=True)
    feed = feeds[names.index(chosen)] if chosen in names else feeds[0]
    _lights(sidecar)
    _range(sidecar, feed["symbol"], feed["venue"])
    _charts(feed["symbol"], feed["venue"])
    _recorded(feed["venue"])


@st.fragment(run_every=LIVE_S)
def _lights(sidecar: Sidecar) -> None:
    health = sidecar.get("/health")
    colour = {"ok": "green", "degraded": "orange"}.get(health.get("status", ""), "red")
    reasons = "; ".join(health.get("reasons", [])) or health.get("reason", "every feed is fresh")
    st.markdown(f":{colour}-badge[{health.get('status', 'unreachable')}] {reasons}")
    columns = st.columns(len(health.get("feeds", [])) or 1)
    for column, feed in zip(columns, health.get("feeds", []), strict=False):
        age = f"{feed['age_ms'] / 1000:.1f} s ago" if feed["age_ms"] is not None else "nothing yet"
        light = "green" if feed["fresh"] and feed["book_valid"] else "orange" if feed["fresh"] else "red"
        column.caption(f":{light}[●] {feed['symbol']} · {feed['venue']} · {age}")


@st.fragment(run_every=LIVE_S)
def _range(sidecar: Sidecar, symbol: str, venue: str) -> None:
    found = sidecar.get("/market-range", symbol=symbol, venue=venue)
    flow = sidecar.get("/orderflow/metrics", symbol=symbol, venue=venue)
    if "error" in found:
        st.info(f"No range now: {found.get('reason', found['error'])}")
    else:
        columns = st.columns(4)
        columns[0].metric(f"Range, next {found['horizon_s'] // 60} min", f"{found['market_range']:,.0f} points")
        columns[1].metric("Interval", _interval(found), help=found["interval_note"])
        columns[2].metric("Told by", f"{found['source']} · {found['method']}")
        columns[3].metric("Age", f"{found['age_ms'] / 1000:.1f} s")
    if "error" not in flow:
        columns = st.columns(4)
        columns[0].metric("Last price", _number(flow["last_price"], ",.2f"))
        columns[1].metric("Volume imbalance", _number(flow["volume_imbalance"], "+.2f"))
        columns[2].metric("Book imbalance", _number(flow["order_book_imbalance"], "+.2f"))
        columns[3].metric("Trades a second", _number(flow["trade_intensity"], ".1f"))


def _interval(found: dict[str, Any]) -> str:
    if found["interval_low"] is None:
        return "not yet"
    return f"{found['interval_low']:,.0f} – {found['interval_high']:,.0f}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


@st.fragment(run_every=CHART_S)
def _charts(symbol: str, venue: str) -> None:
    seconds = _read(_SECONDS, venue=venue, symbol=symbol, minutes=MINUTES)
    if seconds.empty:
        st.info("No second has closed yet.")
        return
    prices = go.Figure()
    for name, colour in (("ask", DOWN), ("bid", UP), ("last_price", LINE)):
        prices.add_scatter(x=seconds["ts_event"], y=seconds[name], name=name.replace("_", " "), line_color=colour)
    flow = go.Figure()
    for name, colour in (("volume_imbalance", LINE), ("order_book_imbalance", "#b08a3c")):
        flow.add_scatter(x=seconds["ts_event"], y=seconds[name], name=name.replace("_", " "), line_color=colour)
    flow.update_yaxes(range=[-1, 1])
    for column, figure, title in zip(st.columns(2), (prices, flow), ("Price", "Imbalance"), strict=True):
        figure.update_layout(
            title=f"{title}, last {MINUTES} min (UTC)",
            height=320,
            margin={"l": 10, "r": 10, "t": 40, "b": 10},
            legend={"orientation": "h"},
            uirevision=f"{symbol}{venue}",
        )
        column.plotly_chart(figure, width="stretch", key=f"{title}-{symbol}-{venue}")


@st.fragment(run_every=CHART_S)
def _recorded(venue: str) -> None:
    columns = st.columns(3)
    for column, title, sql, empty in (
        (columns[0], "Recorded, last two days", _ROWS, "Nothing yet."),
        (columns[1], "Gaps", _GAPS, "No gap."),
        (columns[2], "Quarantine", _QUARANTINE, "Nothing in quarantine."),
    ):
        column.subheader(title)
        found = _read(sql, venue=venue)
        if found.empty:
            column.caption(empty)
        else:
            column.dataframe(found, hide_index=True, width="stretch")


main()
