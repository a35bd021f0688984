"""What every page shares: who may look, which instrument, whether the market is real, how the system is."""

from __future__ import annotations

import hmac
import time
from typing import Any, Literal, NamedTuple

import streamlit as st

from streamlit_app import accounts
from streamlit_app.reading import settings, sidecar
from trifecta.settings import Market, is_loopback

LIVE_S = 1.0
CHART_S = 3.0
WRONG_TOKEN_S = 1.0
NAVIGATED, WANTED = "navigated", "wanted"
_COLOURS: dict[str, Literal["green", "orange"]] = {"ok": "green", "degraded": "orange"}
_ICONS = {"ok": ":material/check_circle:", "degraded": ":material/warning:"}
_STYLE = """<style>
.stMainBlockContainer {padding: 2.4rem 2.2rem 3rem; max-width: 1600px;}
[data-testid="stMetricValue"] {font-variant-numeric: tabular-nums; font-size: 1.3rem;}
[data-testid="stMetric"] {min-width: 7.2rem;}
.stTextArea textarea {font-family: "Source Code Pro", monospace; font-size: .86rem;}
/* What is being renewed stays as it is; only what takes long fades */
.stElementContainer[data-stale="true"] {transition: opacity 1s ease-in 2s !important;}
.simulated {background: repeating-linear-gradient(135deg, #F5C13E, #F5C13E 12px, #EDB526 12px, #EDB526 24px);
  color: #1B1600; border-radius: .6rem; padding: .35rem .9rem; font-size: .85rem;}
@media (max-width: 640px) {
  .stMainBlockContainer {padding: 4rem .8rem 2rem;}
  [data-testid="stMetric"] {min-width: 6.4rem;}
  [data-testid="stMetricValue"] {font-size: 1.1rem;}
  .modebar-container {display: none;}  /* without a mouse it never leaves, and lies over the legend */
}
</style>"""
_SIMULATED = (
    '<div class="simulated" role="note"><b>SIMULATED</b> · this market is generated or replayed on this machine; '
    "no price here is real</div>"
)


class Instrument(NamedTuple):
    """What somebody looks at."""

    symbol: str
    venue: str

    @property
    def label(self) -> str:
        return f"{self.symbol} · {self.venue}"


def admit() -> bool:
    """Whether this person may look: always on loopback, elsewhere with the token of the API."""
    if is_loopback(settings().dashboard_host) or st.session_state.get("admitted"):
        return True
    with st.form("login", width=420):
        st.subheader(":material/lock: Trifecta")
        token = st.text_input("Token", type="password", help="The value of TRIFECTA_API_TOKEN", autocomplete="off")
        if st.form_submit_button("Open", type="primary"):
            if hmac.compare_digest(token.encode(), settings().api_token.get_secret_value().encode()):
                st.session_state["admitted"] = True
                st.rerun()
            time.sleep(WRONG_TOKEN_S)  # guessing must not be quick
            st.error("That is not the token.")
    return False


def sidebar() -> None:
    """Lights and the choice of the instrument."""
    with st.sidebar:
        feeds = sidecar().get("/health").get("feeds", [])
        known = [Instrument(feed["symbol"], feed["venue"]) for feed in feeds] or _configured()
        st.session_state["instruments"] = {one.label: one for one in known}
        labels = [one.label for one in known]
        st.selectbox("Instrument", labels, key="instrument", persist_state="session", bind="query-params")
        _pulse()


def heading(title: str, about: str) -> None:
    """The top of a page. Whoever comes by a page's own address is sent through the door first."""
    if not st.session_state.get(NAVIGATED):
        st.session_state[WANTED] = title
        st.switch_page("Home.py")
    st.html(_STYLE)
    if settings().market is not Market.LIVE:
        st.html(_SIMULATED)
    st.title(title)
    st.caption(about)


def instrument() -> Instrument:
    """What was chosen in the sidebar."""
    known: dict[str, Instrument] = st.session_state.get("instruments", {})
    return known.get(st.session_state.get("instrument", "")) or _configured()[0]


def portfolio() -> str | None:
    """The portfolio that is looked at; None while nothing was booked in any."""
    known = accounts.portfolios()
    if len(known) > 1:
        return st.segmented_control("Portfolio", known, default=known[0], required=True, key="portfolio")
    return known[0] if known else None


@st.fragment(run_every=CHART_S)
def until_booked(next_step: str) -> None:
    """Stands where a portfolio will, and draws the page anew as soon as there is one."""
    try:
        if accounts.portfolios():
            st.rerun()
    except accounts.LedgerAwayError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    nothing("Nothing was booked yet", next_step)


def trouble(answer: dict[str, Any]) -> bool:
    """Says why the sidecar gave no answer; false where it gave one."""
    if "error" not in answer:
        return False
    icon = ":material/cloud_off:" if answer["error"] == "unreachable" else ":material/hourglass_top:"
    st.info("  \n".join((str(answer.get("reason", answer["error"])), _REMEDIES.get(answer["error"], ""))), icon=icon)
    return True


_REMEDIES = {
    "unreachable": "`trifecta status` tells what runs, `trifecta up` starts it. What is recorded stays readable here.",
    "stale": "Nothing newer is recorded: `trifecta status` says what keeps each feed. It comes back by itself.",
}


def nothing(what: str, next_step: str) -> None:
    """The state of a place that has nothing to show yet."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f":material/inbox: **{what}**")
        st.caption(next_step)


@st.fragment(run_every=LIVE_S)
def _pulse() -> None:
    found = sidecar().get("/health")
    status = found.get("status", "unreachable")
    st.badge(status, icon=_ICONS.get(status, ":material/error:"), color=_COLOURS.get(status, "red"))
    reasons = found.get("reasons") or ([found["reason"]] if "reason" in found else [])
    for reason in reasons[:3]:
        st.caption(reason)
    by_venue: dict[str, list[dict[str, Any]]] = {}
    for feed in found.get("feeds", []):
        by_venue.setdefault(feed["venue"], []).append(feed)
    st.caption("  \n".join(_light(venue, feeds) for venue, feeds in by_venue.items()))


def _light(venue: str, feeds: list[dict[str, Any]]) -> str:
    """A line a venue. Green: all fresh with a valid book; orange: all fresh; red: one stands still."""
    stale = [feed["symbol"] for feed in feeds if not feed["fresh"]]
    light = "red" if stale else "green" if all(feed["book_valid"] for feed in feeds) else "orange"
    ages = [feed["age_ms"] for feed in feeds if feed["age_ms"] is not None]
    age = f"{max(ages) / 1000:.1f} s" if ages else "nothing yet"
    told = f"{len(stale)} of {len(feeds)} stand still" if stale else f"{len(feeds)} fresh"
    return f":{light}[●] {venue} · {told} · {age}"


def _configured() -> list[Instrument]:
    chosen = settings()
    return [
        Instrument(symbol, chosen.source(venue))
        for venue, of in chosen.venues.items()
        if of.enabled
        for symbol in of.symbols
    ] or [Instrument(chosen.forecast.default_symbol, "")]
