"""What was earned, by whom, and the decision behind each trade."""

from __future__ import annotations

import json

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from streamlit_app import accounts, figures, frame
from trifecta.trade.performance import Group

SHOWN = ("All", "Traded")
FEWEST_BARS = 20  # room for so many, that a first bar is not a wall
_TIME = st.column_config.DatetimeColumn("time, UTC", format="MMM D HH:mm:ss")


def main() -> None:
    frame.heading("Performance", "What was earned after every cost, by whom, and the decision behind each trade.")
    try:
        portfolio = frame.portfolio()
        if portfolio is None:
            frame.until_booked("The trader books its capital when it starts, and everything it earns from then on.")
            return
        _totals(portfolio)
        _equity(portfolio)
        left, right = st.columns(2)
        with left:
            _by_engine_and_venue(portfolio)
        with right:
            _outcomes(portfolio)
        _trades(portfolio)
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")


@st.fragment(run_every=frame.LIVE_S)
def _totals(portfolio: str) -> None:
    try:
        told = accounts.performance_of(portfolio)
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    worth, trades, course = told.worth, told.trades, told.course
    figures.tiles(
        {
            f"Equity, {told.currency}": (figures.number(float(worth.equity)), "cash plus positions at mark"),
            "Earned": (figures.number(float(worth.pnl), "+,.2f"), "realised and unrealised, after fees"),
            "Fees": (figures.number(float(worth.fees), "+,.2f"), "paid to venues so far, below zero as in the tables"),
            "Maximum drawdown": (figures.number(course.max_drawdown, ".2%"), "from a peak"),
            "Won": (f"{trades.won} of {trades.count}" if trades.count else "–", "closed decisions with a gain"),
            "Profit factor": (figures.number(trades.profit_factor), "all gains over all losses; below 1 it loses"),
            "Sharpe": (figures.number(course.ratios.sharpe), course.ratios.told),
        },
        key="totals",
    )


@st.fragment(run_every=frame.CHART_S)
def _equity(portfolio: str) -> None:
    worth = accounts.equity_of(portfolio)
    if len(worth) < 2:
        frame.nothing("No course yet", "It is drawn from the second valuation on.")
        return
    figure = figures.panels(("equity", "drawdown"), heights=(0.7, 0.3), height=420)
    figures.line(figure, worth["ts_ns"], worth["equity"], "equity", figures.BLUE, row=1, width=2)
    figures.line(figure, worth["ts_ns"], worth["capital"], "paid in", figures.GREY, row=1, dash="dot")
    drawdown = worth["equity"] / worth["equity"].cummax() - 1
    figures.line(figure, worth["ts_ns"], drawdown, "drawdown", figures.RED, row=2, fill="tozeroy")
    figure.update_yaxes(tickformat=".2%", row=2, col=1)
    figures.show(figure, f"equity-{portfolio}", f"Equity and drawdown of {portfolio}")


@st.fragment(run_every=2 * frame.CHART_S)
def _by_engine_and_venue(portfolio: str) -> None:
    try:
        told = accounts.performance_of(portfolio)
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    for title, groups in (("By engine", told.engines), ("By venue", told.venues)):
        st.subheader(title)
        if not groups:
            frame.nothing("Nothing was traded yet", "Profit and fees appear here as they are booked.")
            continue
        st.dataframe([_row(group) for group in groups], hide_index=True, width="stretch", column_config=_GROUPS)
    st.caption(f"In {told.currency}. Sharpe and Sortino: {told.course.ratios.told}.")
    if any("STOCHASTIC" in label for label in told.labels):
        st.caption("`stochastic` fills are drawn by chance: their profit says nothing about a market.")


def _row(group: Group) -> dict[str, object]:
    return {
        "name": group.name or "–",
        "how": group.mark,
        "earned": float(group.pnl),
        "fees": float(group.fees),
        "trades": group.trades.count,
        "won": group.trades.win_rate,
        "profit factor": group.trades.profit_factor,
    }


_GROUPS = {
    "earned": st.column_config.NumberColumn(format="%+.2f", help="realised and unrealised, after fees"),
    "fees": st.column_config.NumberColumn(format="%+.2f"),
    "won": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1, width="small"),
    "profit factor": st.column_config.NumberColumn(format="%.2f"),
    "how": st.column_config.TextColumn(help="what must be known of these figures"),
}


@st.fragment(run_every=frame.CHART_S)
def _outcomes(portfolio: str) -> None:
    st.subheader("Gains and losses")
    closed = accounts.closed_of(portfolio)
    if closed.empty:
        frame.nothing("No decision is closed yet", "Gains and losses appear here as they are booked.")
        return
    figure = figures.styled(go.Figure(), height=260, legend=False)
    colours = [figures.UP if pnl > 0 else figures.DOWN for pnl in closed["pnl"]]
    order = list(range(1 - len(closed), 1))  # the newest comes first, and stands right
    figure.add_bar(
        x=order[::-1], y=closed["pnl"], marker_color=colours, name="profit", customdata=closed["closed_at"].astype(str),
        hovertemplate="%{y:+,.2f}<br>closed %{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(title_text="trades back", range=[min(order[0], -FEWEST_BARS) - 0.5, 0.5])
    figures.show(figure, f"outcomes-{portfolio}", f"Profit of each closed decision of {portfolio}")


@st.fragment(run_every=frame.CHART_S)
def _trades(portfolio: str) -> None:
    st.subheader("Decisions")
    shown = st.segmented_control("Show", SHOWN, default=SHOWN[0], required=True, label_visibility="collapsed")
    found = accounts.trades_of(portfolio, approved=shown == SHOWN[1])
    if found.empty:
        frame.nothing("No decision yet", "Execute an opportunity, and what it was decided on and brought appears here.")
        return
    chosen = st.dataframe(
        found,
        hide_index=True,
        width="stretch",
        height=320,
        key="decisions",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "ts_ns": _TIME,
            "closed_at": st.column_config.DatetimeColumn("closed", format="MMM D HH:mm:ss"),
            "pnl": st.column_config.NumberColumn("profit", format="%+.2f"),
            "fees": st.column_config.NumberColumn(format="%.2f"),
            "reason": st.column_config.TextColumn(width="medium"),
        },
    )
    selected = chosen["selection"]["rows"]
    if selected and selected[0] < len(found):
        _behind(str(found.iloc[selected[0]]["id"]))
    else:
        st.caption("Select a row to see everything behind it.")


def _behind(decision: str) -> None:
    told = accounts.behind(decision)
    with st.container(border=True):
        st.markdown(f"**Decision** `{decision}`")
        stages = told["stages"]
        if len(stages):
            took_ms = stages["latency_ns"] / 1e6
            st.dataframe(
                pd.DataFrame({"stage": stages["stage"], "verdict": stages["verdict"], "ms": took_ms}).assign(
                    detail=stages["detail"]
                ),
                hide_index=True,
                width="stretch",
                column_config={"ms": st.column_config.NumberColumn(format="%.3f")},
            )
        for name in ("orders", "fills"):
            if len(told[name]):
                st.markdown(f"**{name.capitalize()}**")
                st.dataframe(told[name], hide_index=True, width="stretch")
        with st.expander("What it was decided on"):
            st.json(json.loads(told["decision"]["inputs"].iloc[0]))


main()
