"""What is recorded, what is forecast, what happened, and what is wrong."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from streamlit_app import accounts, figures, frame
from streamlit_app.frame import Instrument
from streamlit_app.reading import reader, settings, sidecar, since_ns
from streamlit_app.wrong import Wrong, looking
from trifecta.clock import SystemClock
from trifecta.ops.alerts.facts import failed_flows

MINUTES = 15
MOST_WRONG = 5
Light = tuple[Literal["green", "orange", "red", "blue", "gray"], str, str]  # colour, icon and words
_MEANS = {
    "task_alt": "No rule of the alerts finds anything; `trifecta alerts rules` lists them.",
    "report": "What the rules of the alerts find, each with what to do.",
    "sensors": "Feeds that sent a second within the last few. Which one is silent: Data quality.",
    "broken_image": "Ids that a feed skipped in the last 7 days. Trades are fetched again where the venue still has "
    "them. Changes of an order book are told once: it has no levels until its next snapshot, and no trade is lost.",
    "model_training": "How many of the served ranges a trained model tells. It has to beat every baseline first; "
    "until then the best baseline serves. See Models.",
    "front_hand": "The halt switch: while it is on, no new order is sent anywhere. See Risk.",
    "schedule": "Scheduled work in Prefect: red names the flow whose newest run did not complete.",
    "account_balance_wallet": "What the portfolio is worth at the newest prices. See Performance.",
}
"""What a light tells, by its icon."""
_GAPS = """
    select count(*) filter (where status = 'open') as open,
        count(*) filter (where status = 'lost' and stream <> 'depth') as lost,
        count(*) filter (where status = 'lost' and stream = 'depth') as books
    from gaps where date >= current_date - 7
"""
HOURS = 6

_SECONDS = """
    select ts_event, last_price, bid, ask
    from orderflow_1s
    where venue = $venue and symbol = $symbol and date >= make_timestamp_ns($since_ns)::date - 1
        and ts_event > make_timestamp_ns($since_ns)
    order by ts_event
"""

# Minutes of what was traded, and behind each forecast the range of the minutes that followed it
_FORECASTS = """
    with minutes as (
        select time_bucket(interval 1 minute, ts_event - interval 1 microsecond) as minute,
            max(coalesce(high, last_price)) as high, min(coalesce(low, last_price)) as low, max(ts_event) as until
        from (select ts_event, if(isnan(high), last_price, high) as high, if(isnan(low), last_price, low) as low,
                last_price
            from orderflow_1s where venue = $venue and symbol = $symbol and date >= current_date - 1
                and not isnan(last_price))
        group by minute
    ),
    made as (
        select ts_event, log_range, log_range_low, log_range_high, price, source, method
        from predictions
        where venue = $venue and symbol = $symbol and horizon_s = $horizon_s and date >= current_date - 1
        qualify ts_event > max(ts_event) over () - to_hours($hours)
    )
    select made.ts_event, any_value(price * (exp(log_range) - 1)) as forecast,
        any_value(price * (exp(log_range_low) - 1)) as low, any_value(price * (exp(log_range_high) - 1)) as high,
        any_value(source) as source,
        if(max(minutes.until) >= made.ts_event + to_seconds($horizon_s - 60),
            max(minutes.high) - min(minutes.low), null) as happened
    from made
    left join minutes on minutes.minute >= time_bucket(interval 1 minute, made.ts_event)
        and minutes.minute < made.ts_event + to_seconds($horizon_s)
    group by made.ts_event
    order by made.ts_event
"""


def main() -> None:
    frame.heading("Overview", "What is recorded, what is forecast, what happened, and what is wrong.")
    chosen = frame.instrument()
    _system()
    _wrong()
    _range(chosen)
    left, right = st.columns(2)
    with left:
        _price(chosen)
    with right:
        _forecasts(chosen)
    _earned()


@st.fragment(run_every=2 * frame.CHART_S)
def _system() -> None:
    """What is wrong at all, then feeds, gaps, model, trading, flows and equity, a light each."""
    health, halt = sidecar().get("/health"), sidecar().get("/halt")
    feeds = health.get("feeds", [])
    fresh = sum(feed["fresh"] for feed in feeds)
    gaps = reader().read(_GAPS).iloc[0]
    serving = sidecar().get("/model/status").get("serving", [])
    models = sum(one["source"] == "model" for one in serving)
    wrong = looking().found()
    lights: list[Light] = [
        _worst(wrong),
        ("green" if fresh == len(feeds) and feeds else "red", "sensors", f"{fresh} of {len(feeds)} feeds fresh"),
        _gaps(int(gaps["open"]), int(gaps["lost"]), int(gaps["books"])),
        ("green" if models else "blue", "model_training", f"{models} of {len(serving)} ranges told by a model"),
        _halt(halt),
        _flows(),
        _equity(),
    ]
    with st.container(horizontal=True):
        for colour, icon, text in lights:
            st.badge(text, icon=f":material/{icon}:", color=colour, help=_MEANS.get(icon))


def _worst(found: list[Wrong]) -> Light:
    """Whether anything is wrong, and whether it can wait."""
    if not found:
        return "green", "task_alt", "nothing is wrong"
    return "red" if found[0].critical else "orange", "report", f"{len(found)} wrong: see below"


def _halt(told: dict[str, Any]) -> Light:
    """Whether orders may be sent; nobody knows where the sidecar does not answer."""
    if "error" in told:
        return "gray", "front_hand", "trading: unknown"
    return ("red", "front_hand", "HALTED") if told["halted"] else ("green", "front_hand", "trading allowed")


def _gaps(waiting: int, lost: int, books: int) -> Light:
    """Gaps that can still be repaired, that a venue no longer tells, and moments of an order book."""
    if waiting:
        return "orange", "broken_image", f"{waiting} gaps being repaired"
    if lost:
        return "gray", "broken_image", f"no gap open, {lost} lost"
    return "green", "broken_image", f"no trade missing, book out {books}×" if books else "no gap"


def _flows() -> Light:
    """Scheduled flows whose newest run did not complete."""
    failed = failed_flows(settings().run_dir, SystemClock().now_ns())
    if failed:
        return "red", "schedule", ", ".join(f"{name} {how.lower()}" for name, how in failed.items())
    if not any(settings().run_dir.glob("flow-*.json")):
        return "gray", "schedule", "no flow has run yet"
    return "green", "schedule", "flows well"


def _equity() -> Light:
    """The newest equity of the first portfolio."""
    try:
        known = accounts.portfolios()
        worth = accounts.equity_of(known[0]) if known else None
    except accounts.LedgerAwayError as error:
        return "red", "database_off", str(error)
    if worth is None:
        return "gray", "account_balance_wallet", "nothing booked yet"
    now = worth.iloc[-1]
    earned = now["equity"] - now["capital"]
    colour = "green" if earned > 0 else "orange" if earned < 0 else "gray"
    return colour, "account_balance_wallet", f"{known[0]}: {now['equity']:,.2f} {now['currency']} ({earned:+,.2f})"


@st.fragment(run_every=2 * frame.CHART_S)
def _wrong() -> None:
    """Each thing that is wrong, and what to do."""
    found = looking().found()
    for one in found[:MOST_WRONG]:
        _told(one)
    if len(found) > MOST_WRONG:
        st.caption(f"and {len(found) - MOST_WRONG} more: `trifecta alerts list`")


def _told(one: Wrong) -> None:
    """A line; what it means and what to do stand below it, open where it cannot wait."""
    mark = f":{'red' if one.critical else 'orange'}-badge[{one.rule.severity}]"
    title = f"**{one.rule.name.replace('_', ' ').capitalize()}: {one.subject}** — {one.text}"
    with st.expander(f"{mark} {title}", expanded=one.critical):
        st.caption(f"{one.rule.meaning} **What to do:** {one.rule.remedy}")


@st.fragment(run_every=frame.LIVE_S)
def _range(chosen: Instrument) -> None:
    found = sidecar().get("/market-range", symbol=chosen.symbol, venue=chosen.venue)
    if frame.trouble(found):
        return
    flow = sidecar().get("/orderflow/metrics", symbol=chosen.symbol, venue=chosen.venue)
    figures.tiles(
        {
            f"Range, next {found['horizon_s'] // 60} min": (f"{found['market_range']:,.0f} points", ""),
            "Interval": (_interval(found), found["interval_note"]),
            "Told by": (found["method"], f"source: {found['source']}"),
            "Last price": (figures.number(flow.get("last_price")), ""),
            "Trades a second": (figures.number(flow.get("trade_intensity"), ".1f"), "over the last 60 s"),
            "Age": (f"{found['age_ms'] / 1000:.1f} s", "since our clock saw the newest closed second"),
        },
        key="range",
    )


@st.fragment(run_every=2 * frame.CHART_S)
def _earned() -> None:
    """The course of the first portfolio's equity."""
    st.subheader("Equity")
    try:
        known = accounts.portfolios()
        worth = accounts.equity_of(known[0]) if known else None
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    if worth is None or len(worth) < 2:
        frame.nothing("No course yet", "The trader books its capital when it starts, and what it earns from then on.")
        return
    figure = figures.styled(go.Figure(), height=240)
    figures.line(figure, worth["ts_ns"], worth["equity"], "equity", figures.BLUE, width=2)
    figures.line(figure, worth["ts_ns"], worth["capital"], "paid in", figures.GREY, dash="dot")
    figures.show(figure, f"earned-{known[0]}", f"Equity of {known[0]} against what was paid in")
    st.page_link("pages/performance.py", label="By engine, venue and trade", icon=":material/trending_up:")


def _interval(found: dict[str, Any]) -> str:
    if found["interval_low"] is None:
        return "not yet"
    return f"{found['interval_low']:,.0f} – {found['interval_high']:,.0f}"


@st.fragment(run_every=frame.CHART_S)
def _price(chosen: Instrument) -> None:
    begin_ns = since_ns(chosen.venue, chosen.symbol, MINUTES)
    seconds = reader().read(_SECONDS, venue=chosen.venue, symbol=chosen.symbol, since_ns=begin_ns)
    st.subheader(f"Price, last {MINUTES} min")
    if seconds.empty:
        frame.nothing("No second has closed yet", "It takes a few seconds after the recorder connects.")
        return
    figure = figures.styled(go.Figure(), height=340)
    figures.band(figure, seconds["ts_event"], seconds["bid"], seconds["ask"], "bid – ask", figures.GREY)
    figures.line(figure, seconds["ts_event"], seconds["last_price"], "last price", figures.BLUE)
    figures.show(figure, f"price-{chosen.label}", f"Price of {chosen.label} over the last {MINUTES} minutes")


@st.fragment(run_every=10 * frame.CHART_S)
def _forecasts(chosen: Instrument) -> None:
    found = sidecar().get("/market-range", symbol=chosen.symbol, venue=chosen.venue)
    horizon_s = found.get("horizon_s", 300)
    st.subheader(f"Forecast range against what happened, {horizon_s // 60} min")
    rows = reader().read(_FORECASTS, venue=chosen.venue, symbol=chosen.symbol, horizon_s=horizon_s, hours=HOURS)
    if rows.empty:
        frame.nothing("No forecast is stored yet", "The sidecar saves what it served once a minute.")
        return
    figure = figures.styled(go.Figure(), height=340)
    figures.band(figure, rows["ts_event"], rows["low"], rows["high"], "interval", figures.BLUE)
    figures.line(figure, rows["ts_event"], rows["forecast"], "forecast", figures.BLUE, width=2)
    figures.line(figure, rows["ts_event"], rows["happened"], "happened", figures.AMBER, width=2)
    figure.update_yaxes(title_text="high − low, in price", title_font_size=11, rangemode="tozero")
    about = f"Forecast ranges of {chosen.label} with their intervals, and the ranges that came"
    figures.show(figure, f"forecasts-{chosen.label}", about)
    told = rows.dropna(subset=["happened", "low", "high"])
    if len(told):
        inside = ((told["happened"] >= told["low"]) & (told["happened"] <= told["high"])).mean()
        st.caption(f"{inside:.0%} of {len(told)} ranges that are over lay in their interval.")


main()
