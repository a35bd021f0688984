"""Each limit and how much of it is used; halt and resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
import streamlit as st

from streamlit_app import accounts, frame
from streamlit_app.reading import settings, sidecar

MOST_REASON = 200


class Use(NamedTuple):
    """A limit and how much of it is used."""

    name: str
    used: float
    limit: float
    unit: str
    about: str
    form: str = ",.2f"

    @property
    def share(self) -> float:
        return min(max(self.used / self.limit, 0.0), 1.0) if self.limit else 0.0


def main() -> None:
    frame.heading("Risk", "What trading must stay within, how much of it is used, and the switch that stops it.")
    _switch()
    _turn()
    try:
        portfolio = frame.portfolio()
        if portfolio is None:
            frame.until_booked("Limits are shares of a portfolio: they appear once its capital is booked.")
        else:
            _limits(portfolio)
            _positions(portfolio)
        _turns()
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")


@st.fragment(run_every=frame.LIVE_S)
def _switch() -> None:
    found = sidecar().get("/halt")
    if frame.trouble(found):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if found["halted"]:
            st.badge("HALTED", icon=":material/front_hand:", color="red")
            st.markdown(f"since {str(found['since'])[:19]} UTC · {found['reason']}")
        else:
            st.badge("trading allowed", icon=":material/check_circle:", color="green")
            st.markdown("Orders pass if every limit below lets them.")


def _turn() -> None:
    """Turning takes two steps: opening it, and saying why. It stands outside of what is renewed each second."""
    with st.container(horizontal=True):
        with st.popover("Halt everything", icon=":material/front_hand:", type="primary"):
            st.caption("No new order is sent anywhere until a person resumes. Open orders stay at their venues.")
            _form("/halt", "Halt now")
        with st.popover("Resume", icon=":material/play_arrow:"):
            st.caption("Orders are allowed again, and the maximum drawdown counts anew from now.")
            _form("/resume", "Resume now")


def _form(path: str, word: str) -> None:
    with st.form(word, border=False, clear_on_submit=True):
        reason = st.text_input("Why", max_chars=MOST_REASON)
        sent = st.form_submit_button(word, type="primary")
    if sent and not reason.strip():
        st.warning("Say why: it is kept and shown.")
    elif sent and not frame.trouble(sidecar().post(path, {"reason": reason})):
        st.rerun()


@st.fragment(run_every=frame.CHART_S)
def _limits(portfolio: str) -> None:
    st.subheader("Limits")
    uses = list(_uses(portfolio))
    if not uses:
        frame.nothing("Nothing was booked yet", "The first paper trade begins the day's count.")
        return
    columns = st.columns(3)
    for number, use in enumerate(uses):
        with columns[number % 3].container(border=True):
            st.markdown(f"**{use.name}**", help=use.about)
            st.progress(use.share)
            st.caption(f"{use.used:{use.form}} of {use.limit:{use.form}} {use.unit} · {use.share:.0%}")


def _uses(portfolio: str) -> Iterator[Use]:
    state, worth = accounts.risk_of(portfolio), accounts.equity_of(portfolio)
    if state.empty or worth.empty:
        return
    limits, now, day = settings().risk, worth.iloc[-1], state.iloc[0]
    currency = str(now["currency"])
    lost = max(float(day["day_start_equity"]) - float(now["equity"]), 0.0)
    peak = max(float(day["peak_equity"]), float(now["equity"]))
    yield Use("Loss today", lost, float(limits.daily_loss), currency, f"the day begins at midnight {limits.timezone}")
    yield Use("Trades today", float(day["day_trades"]), float(limits.daily_trades), "trades", "", ",.0f")
    streak = float(day["loss_streak"])
    yield Use("Losses in a row", streak, float(limits.loss_streak), "losses", "then a cooldown", ",.0f")
    drawn = 1 - float(now["equity"]) / peak if peak else 0.0
    yield Use("Drawdown", 100 * drawn, 100 * float(limits.drawdown_share), "%", "from the peak; beyond it, a halt")
    yield Use("Cooldown", _cooldown_s(day["cooldown_until"]), limits.cooldown_s, "s left", "ends by itself", ",.0f")
    yield from _held(portfolio, float(now["equity"]))


def _held(portfolio: str, equity: float) -> Iterator[Use]:
    """The largest of each kind that a share of equity bounds."""
    limits, held = settings().risk, accounts.exposure_of(portfolio)
    bounded = (
        ("Position", held.positions, limits.position_share),
        ("Asset", held.assets, limits.asset_share),
        ("Venue", held.venues, limits.venue_share),
    )
    for name, amounts, most in bounded:
        largest = max(amounts, key=amounts.__getitem__, default="nothing")
        used = float(amounts.get(largest, 0)) / equity if equity > 0 else 0.0
        about = f"the largest now: {largest}; long and short count alike"
        yield Use(f"{name}, of equity", 100 * used, 100 * float(most), "%", about)


def _cooldown_s(until: object) -> float:
    if until is None or pd.isna(until):
        return 0.0
    return max((pd.Timestamp(until) - pd.Timestamp.now("UTC").tz_localize(None)).total_seconds(), 0.0)


@st.fragment(run_every=frame.CHART_S)
def _positions(portfolio: str) -> None:
    st.subheader("Positions")
    found = accounts.positions_of(portfolio)
    if found.empty:
        frame.nothing("No position is open", "Everything is flat.")
        return
    st.dataframe(
        found.drop(columns="portfolio"),
        hide_index=True,
        width="stretch",
        column_config={name: st.column_config.NumberColumn(format="%.8g") for name in ("qty", "cost")},
    )


@st.fragment(run_every=frame.CHART_S)
def _turns() -> None:
    st.subheader("The switch, lately")
    found = accounts.halts_lately()
    if found.empty:
        frame.nothing("It was never turned", "Try it once while nothing depends on it.")
        return
    shown = found.assign(turn=found["halted"].map({True: "halted", False: "resumed"}))
    st.dataframe(shown[["ts_ns", "turn", "reason", "actor"]], hide_index=True, width="stretch", column_config=_TIME)


_TIME = {"ts_ns": st.column_config.DatetimeColumn("time, UTC", format="MMM D HH:mm:ss")}

main()
