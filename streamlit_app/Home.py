"""The dashboard's door: who may look, and which pages there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from streamlit_app import frame

ICON = Path(__file__).with_name("icon.svg")
PAGES = {
    "Now": [
        st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("pages/order_flow.py", title="Order flow", icon=":material/stacked_line_chart:"),
    ],
    "Trading": [
        st.Page("pages/opportunities.py", title="Opportunities", icon=":material/bolt:"),
        st.Page("pages/performance.py", title="Performance", icon=":material/trending_up:"),
        st.Page("pages/risk.py", title="Risk", icon=":material/shield:"),
        st.Page("pages/models.py", title="Models", icon=":material/model_training:"),
    ],
    "Data": [
        st.Page("pages/data_quality.py", title="Data quality", icon=":material/verified:"),
        st.Page("pages/sql.py", title="SQL", icon=":material/database:"),
    ],
}


def main() -> None:
    st.set_page_config("Trifecta", page_icon=str(ICON), layout="wide")
    if frame.admit():
        st.logo(str(ICON), size="large")
        page = st.navigation(PAGES)
        st.session_state[frame.NAVIGATED] = True
        wanted = st.session_state.pop(frame.WANTED, page.title)
        if wanted != page.title:
            st.switch_page(next(one for part in PAGES.values() for one in part if one.title == wanted))
        frame.sidebar()
        page.run()


main()
