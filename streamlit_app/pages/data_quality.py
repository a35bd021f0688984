"""Whether what is recorded is whole, sound and on time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from streamlit_app import figures, frame
from streamlit_app.reading import history, reader

MINUTES = 120
DAYS = 7
LAG_HOURS = 3
COVERED = [(0.0, "#E5484D"), (0.6, "#F5A524"), (0.95, "#8FD9C4"), (1.0, "#12A594")]

_MINUTES = """
    select venue || ' ' || symbol as feed,
        time_bucket(interval 1 minute, ts_event - interval 1 microsecond) as ts_open,
        least(count(distinct ts_event) / 60, 1) as share
    from orderflow_1s
    where date >= current_date - 1 and ts_event > now()::timestamp - to_minutes($minutes)
    group by all
"""
_HOURS = """
    select venue || ' ' || symbol as feed, ts_open, share
    from {history}.coverage_1h
    where ts_open > now()::timestamp - to_days($days)
"""
_GAPS = """
    select symbol, venue, stream, if(stream = 'depth', 'book out', status) as status,
        if(stream = 'depth', null, last_id - first_id + 1) as ids, ts_from, ts_to,
        if(stream = 'depth', null, epoch(ts_to - ts_from)) as lasted_s, reason
    from gaps
    where date >= current_date - $days::integer
    order by gaps.status = 'open' desc, gaps.status = 'lost' desc, gaps.ts_to desc
    limit 500
"""
# Over the stored integers: a comparison with them is made before a row is read, one with the view's times after it
_LAG = """
    with newest as (
        select venue, make_timestamp_ns(ts_recv // 60000000000 * 60000000000) as minute,
            (ts_recv - epoch_ns(raw.instant(ts_event, time_scale))) / 1e6 as lag_ms
        from raw.trades
        where ts_recv > epoch_ns(now()) - $hours * 3600000000000
            and date >= (now()::timestamp - to_hours($hours))::date
    )
    select venue, minute, quantile_cont(lag_ms, 0.5) as p50_ms, quantile_cont(lag_ms, 0.99) as p99_ms,
        count(*) as trades
    from newest group by all order by all
"""
_OFFSETS = """
    select venue, arg_max(offset_ns, ts_recv) / 1e6 as offset_ms from clock_offsets
    where date >= current_date - 1 group by venue
"""
_QUARANTINE = """
    select reason, venue, stream, count(*) as inputs, max(ts_recv) as last, arg_max(detail, ts_recv) as last_detail
    from quarantine
    where date >= current_date - $days::integer
    group by all order by inputs desc
"""


def main() -> None:
    frame.heading("Data quality", "Whether what is recorded is whole, sound and on time.")
    _totals()
    _coverage()
    left, right = st.columns(2)
    with left:
        _lag()
    with right:
        _quarantine()
    _gaps()


@st.fragment(run_every=2 * frame.CHART_S)
def _totals() -> None:
    minutes = reader().read(_MINUTES, minutes=MINUTES)
    gaps = reader().read(_GAPS, days=DAYS)
    quarantine = reader().read(_QUARANTINE, days=DAYS)
    of_books = gaps["stream"] == "depth"
    states = gaps.loc[~of_books, "status"].value_counts()
    whole = minutes[minutes["ts_open"].between(minutes["ts_open"].min(), minutes["ts_open"].max(), inclusive="neither")]
    figures.tiles(
        {
            "Recorded": (
                figures.number(whole["share"].mean() if len(whole) else None, ".2%"),
                f"seconds that closed, of those there were in minutes of the last {MINUTES} with any",
            ),
            "Gaps open": (f"{states.get('open', 0)}", "being repaired"),
            "Gaps filled": (f"{states.get('filled', 0)}", f"in {DAYS} days: skipped by the feed and fetched again"),
            "Gaps lost": (f"{states.get('lost', 0)}", f"in {DAYS} days: the venue does not tell them any more"),
            "Order book out": (
                f"{of_books.sum()}×",
                f"in {DAYS} days: its changes are told once, so it has no levels until its next snapshot; no trade is "
                "lost by that",
            ),
            "In quarantine": (f"{quarantine['inputs'].sum():,.0f}", f"inputs of {DAYS} days that cannot be true"),
        },
        key="totals",
    )


@st.fragment(run_every=5 * frame.CHART_S)
def _coverage() -> None:
    st.subheader("Coverage")
    by = st.segmented_control(
        "By", ["Minutes", "Hours"], default="Minutes", required=True, label_visibility="collapsed", key="coverage-by"
    )
    rows = history(_HOURS, days=DAYS) if by == "Hours" else reader().read(_MINUTES, minutes=MINUTES)
    if rows.empty:
        frame.nothing(
            "Nothing to show yet", f"Closed hours of {DAYS} days." if by == "Hours" else "No second has closed yet."
        )
        return
    table = _whole(rows, "1h" if by == "Hours" else "1min")
    height = 90 + max(34 - len(table), 16) * len(table)
    figure = figures.heat(table, height=height, unit="share", colours=COVERED, top=1, scale=False)
    figures.show(figure, f"coverage-{by}", "Share of seconds recorded by feed and time")
    st.caption("Share of seconds recorded. Red: nothing was. " + (_as_of() if by == "Hours" else ""))


def _whole(rows: pd.DataFrame, step: str) -> pd.DataFrame:
    """Feeds down, every step of time right: a time that nobody recorded counts as nothing, not as unknown."""
    table = rows.pivot_table(index="feed", columns="ts_open", values="share")
    times = pd.date_range(table.columns.min(), table.columns.max(), freq=step)
    return table.reindex(columns=times).fillna(0.0)


def _as_of() -> str:
    published = reader().published_at
    return f"Closed hours as published at {published:%H:%M} UTC." if published is not None else "Closed hours."


@st.fragment(run_every=5 * frame.CHART_S)
def _lag() -> None:
    st.subheader(f"Lag, last {LAG_HOURS} hours")
    rows = reader().read(_LAG, hours=LAG_HOURS)
    if rows.empty:
        frame.nothing("No trade yet", "Receive time behind the venue's time, by minute.")
        return
    offsets = reader().read(_OFFSETS).set_index("venue")["offset_ms"]
    figure = figures.panels(("ms",), height=320)
    colours = (figures.BLUE, figures.GREEN, figures.AMBER, figures.VIOLET, figures.RED, figures.GREY)
    for number, (venue, found) in enumerate(rows.groupby("venue")):
        offset, colour = float(offsets.get(venue, 0.0)), colours[number % len(colours)]
        figures.line(figure, found["minute"], found["p50_ms"] + offset, f"{venue} p50", colour)
        figures.line(figure, found["minute"], found["p99_ms"] + offset, f"{venue} p99", colour, dash="dot")
    figures.show(figure, "lag", "Lag of trades by minute and venue")
    drawn = set(rows["venue"])
    told = ", ".join(f"{venue} {offset:+.0f} ms" for venue, offset in offsets.items() if venue in drawn)
    st.caption(
        f"From the venue's time of a trade to ours, corrected by the measured clock offset ({told or 'none yet'})."
    )


@st.fragment(run_every=5 * frame.CHART_S)
def _quarantine() -> None:
    st.subheader("Quarantine by reason")
    rows = reader().read(_QUARANTINE, days=DAYS)
    if rows.empty:
        frame.nothing("Nothing in quarantine", f"No input of the last {DAYS} days was refused.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        column_config={
            "inputs": st.column_config.ProgressColumn(format="%d", min_value=0, max_value=int(rows["inputs"].max())),
            "last": st.column_config.DatetimeColumn("last, UTC", format="MMM D HH:mm:ss"),
            "last_detail": st.column_config.TextColumn("the last one", width="large"),
        },
    )


@st.fragment(run_every=5 * frame.CHART_S)
def _gaps() -> None:
    st.subheader(f"Gaps, {DAYS} days")
    rows = reader().read(_GAPS, days=DAYS)
    if rows.empty:
        frame.nothing("No gap", "Every id that a feed sent follows the one before it.")
        return
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        column_config={
            "status": st.column_config.TextColumn(
                help="open: being fetched again; filled: fetched again; lost: the venue does not have it any more; "
                "book out: an order book without levels until its next snapshot, no trade is lost"
            ),
            "ids": st.column_config.NumberColumn("ids missing", format="localized"),
            "ts_from": st.column_config.DatetimeColumn("from, UTC", format="MMM D HH:mm:ss"),
            "ts_to": st.column_config.DatetimeColumn("to, UTC", format="MMM D HH:mm:ss"),
            "lasted_s": st.column_config.NumberColumn("lasted, s", format="%.1f"),
            "reason": st.column_config.TextColumn(width="large"),
        },
    )


main()
