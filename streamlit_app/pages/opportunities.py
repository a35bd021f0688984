"""What the scanners see now, with every cost; execute in two steps."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st

from streamlit_app import figures, frame
from streamlit_app.reading import sidecar

ENGINES = {
    "arbitrage": ":material/swap_horiz: Arbitrage",
    "forex": ":material/currency_exchange: Forex",
    "binary": ":material/casino: Binary",
}
AUTO, REFUSED = "auto", "auto-refused"
_MARKS = {"EXECUTE": "green", "CONSIDER": "orange", "SKIP": "gray"}


def main() -> None:
    frame.heading("Opportunities", "What the scanners see now, after every cost. Executing goes through risk.")
    _auto()
    if "pending" in st.session_state:
        _confirm(*st.session_state["pending"])
    if "executed" in st.session_state:
        _result()
    _offered()


@st.fragment(run_every=frame.CHART_S)
def _auto() -> None:
    found = sidecar().get("/auto")
    if "error" in found:
        return
    # Whoever else turns it turns it here too: a page that is left open must never turn it back
    st.session_state[AUTO] = found["enabled"]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Execute by rule", key=AUTO, on_change=_turn)
        st.caption(found["rule"])
    if refused := st.session_state.pop(REFUSED, None):
        frame.trouble(refused)


def _turn() -> None:
    """Turns the rule as the switch was clicked; what the sidecar says against it is shown below."""
    wanted = st.session_state[AUTO]
    reason = f"switched {'on' if wanted else 'off'} on the dashboard"
    st.session_state[REFUSED] = sidecar().post("/auto", {"enabled": wanted, "reason": reason})


@st.fragment(run_every=frame.LIVE_S)
def _offered() -> None:
    found = sidecar().get("/opportunities")
    if frame.trouble(found):
        return
    stats = found["stats"]
    figures.tiles(
        {
            **{engine.capitalize(): (str(len(found[engine])), "offered now, the best ten") for engine in ENGINES},
            "Markets": (f"{stats['markets']:,}", "instruments with a quote"),
            "Quotes seen": (f"{stats['quotes']:,}", ""),
            "One scan": (f"{stats['scan_us']:,.0f} µs", "the newest one"),
        },
        key="stats",
    )
    for missing in stats["missing"]:
        st.caption(f":orange[●] {missing}")
    for engine, title in ENGINES.items():
        st.subheader(title)
        if not found[engine]:
            frame.nothing("Nothing now", "An honest market offers little; the scanners look after every quote.")
        with st.container(key=f"offers-{engine}"):
            for one in found[engine]:
                _card(one, found["timestamp"])


def _card(one: dict[str, Any], now: str) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(one["recommendation"], color=_MARKS.get(one["recommendation"], "gray"))
            st.markdown(f"**{_title(one)}**", width="stretch")
            st.markdown(f"**{one['expected_profit']:+,.2f}** {one['currency']}")
            st.caption(f"age {_age_s(one, now):.0f} s · risk {one['risk_score']:.0f} / 100")
            if st.button("Execute", icon=":material/bolt:", key=f"execute-{one['id']}"):
                _prepare(one)
        with st.expander(f"{one['reason']} · costs", expanded=False):
            left, right = st.columns(2)
            left.dataframe(pd.DataFrame(one["costs"]), hide_index=True, width="stretch", column_config=_COST)
            details = one.get("legs") or [_plain(one)]
            right.dataframe(pd.DataFrame(details), hide_index=True, width="stretch")


_COST = {"amount": st.column_config.NumberColumn(format="%.4f")}


def _plain(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if isinstance(value, int | float | str) and name != "id"}


def _title(one: dict[str, Any]) -> str:
    if one["type"] == "ARBITRAGE":
        route = f"{one['buy_exchange']} → {one['sell_exchange']}"
        return f"{one['asset']} {str(one['route_type']).replace('_', ' ')} · {route} · {one['spread_percent']:.3f} %"
    if one["type"] == "FOREX":
        return f"{one['signal']} {one['pair']} · strength {one['strength']:.0f} · 1 : {one['risk_reward']:.1f}"
    chance = f"{one['probability']:.1f} % against {100 * one['break_even']:.1f} % to break even"
    return f"{one['direction']} {one['pair']} {one['expiry']} · {chance}"


def _age_s(one: dict[str, Any], now: str) -> float:
    return max((pd.Timestamp(now) - pd.Timestamp(one["first_seen"])).total_seconds(), 0.0)


def _prepare(one: dict[str, Any]) -> None:
    """The first step: the sidecar gives a word that confirms this one opportunity for a few seconds."""
    answer = sidecar().post(f"/opportunities/{one['id']}/execute")
    for key in ("pending", "executed"):
        st.session_state.pop(key, None)
    if "error" in answer:
        st.session_state["executed"] = answer
    else:
        st.session_state["pending"] = (one, answer)
    st.rerun()


def _confirm(one: dict[str, Any], answer: dict[str, Any]) -> None:
    """The second step. It stands outside of what is renewed each second."""
    with st.container(border=True):
        st.markdown(f"**Execute {_title(one)}?**")
        st.markdown(f"Expected after every cost: **{one['expected_profit']:+,.2f}** {one['currency']}")
        if one["recommendation"] != "EXECUTE":
            st.warning(f"The scanner says {one['recommendation']}: {one['reason']}", icon=":material/warning:")
        for order in answer.get("will", []):
            st.markdown(f":material/arrow_right: {order}")
        st.dataframe(pd.DataFrame(one["costs"]), hide_index=True, width="stretch", column_config=_COST)
        mark = f" {answer['label']}." if answer.get("label") else ""
        st.caption(
            f"Portfolio {answer['portfolio']}.{mark} Risk decides first. The confirmation holds for "
            f"{answer['expires_in_s']:.0f} s."
        )
        with st.container(horizontal=True):
            if st.button("Confirm", type="primary", icon=":material/check:"):
                path = f"/opportunities/{one['id']}/execute"
                st.session_state["executed"] = sidecar().post(path, {"confirm": answer["confirm"]})
                del st.session_state["pending"]
                st.rerun()
            if st.button("Leave it"):
                del st.session_state["pending"]
                st.rerun()


@st.fragment(run_every=frame.LIVE_S)
def _result() -> None:
    """What became of what was confirmed last; asked again for as long as the trader is at it."""
    done: dict[str, Any] = st.session_state["executed"]
    if done.get("verdict") == "pending":
        found = sidecar().get(f"/executions/{done['request_id']}")
        done = st.session_state["executed"] = done if "error" in found else found
    with st.container(border=True):
        if "error" in done:
            st.error(str(done.get("reason", done["error"])), icon=":material/block:")
            return
        st.badge(done["verdict"], color=_VERDICTS.get(done["verdict"], "red"))
        known = f"Decision `{done['decision_id']}` " if done.get("decision_id") else ""
        st.markdown(known + str(done.get("reason", "")))
        if done.get("orders"):
            st.dataframe(pd.DataFrame(done["orders"]), hide_index=True, width="stretch")
        st.page_link("pages/performance.py", label="See it in Performance", icon=":material/trending_up:")


_VERDICTS: dict[str, Literal["green", "gray"]] = {"approved": "green", "pending": "gray"}

main()
